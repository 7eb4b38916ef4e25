#!/bin/bash
# Node: a worker requires lightningcss, an addon in Rust, and ends: node closes the addon, and then the thread ends,
# whose thread-specific data has a destructor in it (lightningcss#892).
#
# Rust never deletes that key: the holder never ends. (Nor would the library go if somebody else deleted the key:
# the addon also leaks memory with addresses of its functions in it.)
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need node nodejs
need curl curl

# The addon comes from npm's registry: one version, known by its content, so that it does not matter whether the
# machine trusts who sends it. Once, into the build folder.
VERSION=1.29.1
case $(uname -m) in
x86_64)
	package=lightningcss-linux-x64-gnu
	sum=bb54bec5d383cbf784b63003aa2ac0efbe32de32dc9bc44fb58cedc117845e864a77382c1d83e5d2ce55e764ecb7e18acea8de6e450b4fce97312c5e8f37c84b
	;;
aarch64)
	package=lightningcss-linux-arm64-gnu
	sum=d3ebc2951219ea698997f7711ae46c135f7ba351c311e79193a9f3c9c4b2d86a1f0b626c63889f0919ef5167ff0940509a5aef333b7a48c40d31212edb672c59
	;;
esac
folder=$O/crashes/$package-$VERSION
fetch() {
	curl --silent --show-error --fail --location --insecure --retry 3 --max-time 120 \
		"https://registry.npmjs.org/$package/-/$package-$VERSION.tgz" >package.tgz &&
		echo "$sum  package.tgz" | sha512sum --check --quiet && mkdir package.new &&
		tar -xf package.tgz -C package.new --strip-components=1 && mkdir -p "$O/crashes" &&
		rm -rf "$folder" && mv package.new "$folder"
}
if [ ! -e "$folder/package.json" ] && ! fetch; then
	skip "node ends a worker that used lightningcss" "no Debian package has it, and registry.npmjs.org cannot be reached"
	exit 0
fi
export ADDON=$folder/${package/lightningcss-/lightningcss.}.node

cat >program.js <<'END'
const { Worker, isMainThread } = require('worker_threads')
const fs = require('fs')

// What does not register itself as an addon is closed again at once.
function open (library) {
  try { process.dlopen({ exports: {} }, library) } catch (error) { return error.message }
}
const mapped = () => fs.readFileSync('/proc/self/maps', 'latin1').includes('lightningcss')

if (isMainThread) {
  const worker = new Worker(__filename)
  worker.on('exit', status => {
    console.log('the worker has ended', status)
    if (process.argv[2] !== 'end') return
    open(process.env.TMP + '/ends.so') // says what it finds
    const until = Date.now() + 1000 * process.env.PATIENCE
    const again = () => {
      open(process.env.OTHER)
      if (mapped() && Date.now() < until) setTimeout(again, 10)
    }
    again()
  })
} else {
  const css = require(process.env.ADDON)
  const code = Buffer.from('a { color: red }')
  const minified = css.transform({ filename: 'a.css', code, minify: true })
  fs.writeSync(1, Buffer.from(minified.code).toString() + '\n') // now: the main thread may be late
}
END
export TMP KEYS_OF=lightningcss
library='/lightningcss.linux-[a-z0-9]*-gnu.node'
EXPECTED=$'a{color:red}\nthe worker has ended 0'
crashes worker node program.js
lives worker "$library" node program.js
EXPECTED=$'a{color:red}\nthe worker has ended 0\nits key exists'
ENDS=keys PATIENCE=0.5 holds_on its_key_is_never_deleted "$library" node program.js end
