#!/bin/bash
# Lua: a state of lua-rings loads posix and has it handle SIGUSR1; the state is closed, posix with it, and the signal
# comes. The holder ends when the signal has its default action again.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need lua5.1 lua5.1
for module in rings posix; do
	lua5.1 -e "require '$module'" || bail "$module is missing: install the Debian package lua-$module"
done

cat >program.lua <<'END'
local state = require "rings".new()
assert(state:dostring [[
	local posix = require "posix"
	posix.signal(posix.SIGUSR1, function() end)
]])
print "opened"
io.stdout:flush()
state:close()
os.execute "kill -USR1 $PPID"
print "the signal has come"
if not arg[1] then return end

-- Closes what was opened: the record of it has a finaliser.
local registry = debug.getregistry()
local function use(library)
	package.loadlib(library, "*")
	registry["LOADLIB: " .. library] = nil
	collectgarbage()
end
io.stdout:flush()
use(os.getenv "TMP" .. "/ends.so")

local function mapped()
	local maps = io.open "/proc/self/maps"
	local text = maps:read "*a"
	maps:close()
	return text:find("posix.so", 1, true)
end
-- As the work of a real program would: other values where the deleted ones were.
local function overwrite()
	local other = {}
	for i = 1, 2000 do
		other[i] = { { i }, function() return i end, newproxy(), ("x"):rep(i), coroutine.wrap(function() end) }
	end
end
local until_then = os.time() + tonumber(os.getenv "PATIENCE")
while mapped() and os.time() <= until_then do
	overwrite()
	use(os.getenv "OTHER")
end
END
export TMP ENDS=signal
library='/(posix|liblua5.1-posix).so[.0-9]*'
EXPECTED=$'opened\nthe signal has come'
crashes signal lua5.1 program.lua
lives signal "$library" lua5.1 program.lua
EXPECTED+=$'\nthe handler is removed'
unloads signal "$library" lua5.1 program.lua end
