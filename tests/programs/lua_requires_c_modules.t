#!/bin/bash
# Three C modules by require, one more by package.loadlib, two that cannot be had; Lua closes them
# all when the state is closed. Then a state that ends by error while they are loaded.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need lua5.4 lua5.4

cat >"$TMP/program.lua" <<'END'
local socket, lpeg, lfs = require "socket", require "lpeg", require "lfs"
print(socket._VERSION, lpeg.version(), lfs._VERSION)

local number = lpeg.R "09" ^ 1 / tonumber
print(lpeg.match(lpeg.Cf(number * (lpeg.P "+" * number) ^ 0, function(a, b) return a + b end), "40+1+1"))
print(lfs.attributes("/", "mode"))

local server = assert(socket.bind("127.0.0.1", 0))
local address, port = server:getsockname()
local client = assert(socket.connect(address, port))
local peer = server:accept()
client:send("a line over a socket\n")
print((peer:receive()))
peer:close() client:close() server:close()

local open = package.loadlib(package.searchpath("socket.serial", package.cpath), "luaopen_socket_serial")
print(type(open))
print(package.loadlib("/not/there.so", "luaopen_there"))
print(package.loadlib(package.searchpath("lfs", package.cpath), "luaopen_not_there"))
if arg[1] == "fail" then error "this state ends by an error" end
END
program() {
	lua5.4 "$TMP/program.lua"
	lua5.4 "$TMP/program.lua" fail
}
same_with_linger program
like "the program works" "$(cat "$TMP/bare.out")" $'\n42\n.*a line over a socket\nfunction'
like "its error arrives" "$(cat "$TMP/bare.err")" 'ends by an error'
really dlopen 8
really dlclose 8
really unload 8
