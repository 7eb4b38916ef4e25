#!/bin/bash
# real_programs_get_their_names.t - Ruby's compiler, a REPL that compiles C, Python with libraries in a directory that
# is gone: the share of the samples in such code that have a name, by perf as it is and by `linger perf`.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # names here are of one word
. "$(dirname "$0")/profiles.sh"
need ruby ruby
need python3 python3
export CC

cat >mjit.rb <<'END'
def sum(n)
  i = 0
  s = 0
  while i < n
    s += i & 7
    i += 1
  end
  s
end
60.times { sum(10) }
puts sum(40_000_000)
END
compile -o repl "$HERE/repl.c"
cat >lines <<'END'
long x = 0; while (n--) x = x * 3 + n; return x;
double x = 1; while (n--) x = x / 3 + n; return (long)x;
END
cat >plugins.py <<'END'
import ctypes, os, shutil, subprocess, tempfile, time

directory = tempfile.mkdtemp(prefix="python-plugins-")

def load(name, *flags):
    library = f"{directory}/{name}.so"
    source = f"static __attribute__((noinline)) long {name}(long n) {{ long x = 0; while (n--) x = x * 3 + n; return x; }}"
    source += f"long call(long n) {{ return {name}(n) + 1; }}"
    command = [os.environ["CC"], "-O1", "-g", "-shared", "-fPIC", "-x", "c", "-o", library, *flags, "-"]
    subprocess.run(command, input=source, text=True, check=True)
    plugin = ctypes.CDLL(library)
    os.unlink(library)
    return plugin

def use(plugin):
    end = time.process_time() + 0.1
    while time.process_time() < end:
        plugin.call(100000)

first = load("first")
second = load("second", "-Wl,--build-id=none")
child = os.fork()
if child == 0: # what it has from its parent, and what it loads itself
    use(second)
    use(load("third", "-Wl,--build-id=none"))
    os._exit(0)
os.waitpid(child, 0)
use(first)
shutil.rmtree(directory)
END

# named WHO FILE DSO: how many samples in such files have a name, and how many there are.
named() {
	"$1" script -i "$2" -F ip,sym,dso 2>/dev/null | awk -v dso="$3" '
		$NF ~ dso || $0 ~ dso { all++; if (!/\[unknown\]/) named++ }
		END { print named + 0 " of " all + 0 }'
}
# share NAME DSO COMMAND...
share() {
	local name=$1 dso=$2 who before after
	shift 2
	for who in plain linger_perf; do
		"$who" record "${EVENT[@]}" -o $name.$who -- "$@" <lines >$name.out 2>&1 || bail "$name: $(cat $name.out)"
	done
	before=$(named plain $name.plain "$dso")
	after=$(named linger_perf $name.linger_perf "$dso")
	echo "# $name: $before samples named by perf, $after by linger perf"
	like "$name: there are samples" "$after" ' [0-9]{2,}$'
	is "$name: all have a name" "${after% of *}" "${after#* of }"
	is "$name: without linger none has" "${before% of *}" 0
}
share ruby--mjit '_ruby_mjit_' ruby --disable=gems --mjit --mjit-wait --mjit-min-calls=50 mjit.rb
share repl 'repl-line-' ./repl 0.15
share python 'python-plugins-' python3 -I plugins.py
linger_perf report -i repl.linger_perf --stdio -s sym --percent-limit 5 2>/dev/null | grep -E '^ +[0-9]' | sed 's/^/# /'
names=$(linger_perf report -i repl.linger_perf --stdio -s sym 2>/dev/null)
like "the names are those of the program's text" "$names" 'line_1.*line_2|line_2.*line_1'
