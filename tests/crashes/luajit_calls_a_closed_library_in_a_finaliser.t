#!/bin/bash
# LuaJIT: a finaliser that calls into lfs runs when the state is closed, after the one that closes lfs: what is newer
# goes first (LuaJIT#961). There the process ends, and with it the holder; so in the second program the library is
# closed, and the finaliser runs, while the state lives on.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need luajit luajit
[ "$(luajit -e 'print(package.searchpath("lfs", package.cpath) ~= nil)')" = true ] ||
	bail 'lfs is missing: install the Debian package lua-filesystem'

cat >program.lua <<'END'
local attributes
local early = newproxy(true)
getmetatable(early).__gc = function() print(attributes("/", "mode")) end
attributes = require "lfs".attributes
print "opened"
io.stdout:flush()
if not arg[1] then return end

-- Closes what was opened: the record of it has a finaliser.
local registry = debug.getregistry()
local function close(name)
	for key in pairs(registry) do
		if type(key) == "string" and key:find("LOADLIB: ", 1, true) and key:find(name, 1, true) then
			registry[key] = nil
		end
	end
	collectgarbage()
end
lfs, package.loaded.lfs, registry["directory metatable"], registry["lock metatable"] = nil
close "lfs.so"
early = nil
collectgarbage()
attributes = nil

local function mapped()
	local maps = io.open "/proc/self/maps"
	local text = maps:read "*a"
	maps:close()
	return text:find("/lfs.so", 1, true) or text:find("filesystem.so", 1, true)
end
-- As the work of a real program would: other values where the deleted ones were.
local function overwrite()
	local other = {}
	for i = 1, 2000 do
		other[i] = { { i }, function() return i end, newproxy(), ("x"):rep(i), coroutine.wrap(function() end) }
	end
end
local clock = require "ffi".C
require "ffi".cdef "int usleep(unsigned); long time(long *);"
local until_then = tonumber(clock.time(nil)) + tonumber(os.getenv "PATIENCE")
while mapped() and tonumber(clock.time(nil)) <= until_then do
	overwrite()
	package.loadlib(os.getenv "OTHER", "*")
	close(os.getenv "OTHER")
	clock.usleep(10000)
end
END
EXPECTED=$'opened\ndirectory'
library='/(lfs|liblua5.1-filesystem).so[.0-9]*'
crashes at_exit luajit program.lua
lives at_exit "$library" luajit program.lua
crashes before luajit program.lua end
unloads before "$library" luajit program.lua end
