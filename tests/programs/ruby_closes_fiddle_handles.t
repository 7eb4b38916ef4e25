#!/bin/bash
# Fiddle opens a library, calls it, closes it, three rounds; handles left to the garbage collector;
# what cannot be opened or found; extension modules by require; a forked child.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need ruby ruby

# Which handles a conservative collector frees before the end of the process is chance, and a child
# would close the rest a second time: they are made after the fork.
cat >"$TMP/program.rb" <<'END'
require "fiddle"
require "digest"
require "json"
require "zlib"
$stdout.sync = true

def answer(library)
  open = Fiddle::Function.new(library["sqlite3_libversion_number"], [], Fiddle::TYPE_INT)
  open.call > 3_000_000
end

3.times do |round|
  library = Fiddle.dlopen("libsqlite3.so.0")
  puts "round #{round}: #{answer(library)}"
  library.close
end
begin
  Fiddle.dlopen("libnot-there.so.1")
rescue Fiddle::DLError => error
  puts error.message
end
begin
  Fiddle.dlopen(nil)["not_a_function"]
rescue Fiddle::DLError => error
  puts error.message
end
puts JSON.generate(Digest::MD5.hexdigest("linger") => Zlib.crc32("linger"))
child = fork do
  library = Fiddle.dlopen("libsqlite3.so.0")
  puts "child: #{answer(library)}"
  library.close
  exit 8
end
Process.wait(child)
puts "child: #{$?.exitstatus}"
20.times { Fiddle::Handle.new("libsqlite3.so.0").enable_close }
GC.start
END
same_with_linger ruby --disable-gems "$TMP/program.rb"
like "the program works" "$(cat "$TMP/bare.out")" 'round 2: true.*not-there.*child: true.*child: 8'
is "two processes count" "$(counted counted | wc -l)" 2
really dlopen 24
really dlclose 24
really unload 4
