#!/usr/bin/env bash
# GHCi, `ghc -e` and Template Haskell link what they compile to temporary shared objects and open
# them; GHC never closes one, so there is nothing to keep. They work the same with linger, and what
# GHC opened is in the log although its files are gone.
# SPDX-License-Identifier: MIT
# shellcheck source=tests/ghc/ghc.sh
. "$(dirname "$0")/ghc.sh"

cat >Power.hs <<'END'
{-# LANGUAGE TemplateHaskell #-}
module Power (power) where
import Language.Haskell.TH
power :: Int -> Q Exp
power 0 = [| const 1 |]
power n = [| \x -> x * $(power (n - 1)) x |]
END
cat >Main.hs <<'END'
{-# LANGUAGE TemplateHaskell #-}
import Power
main :: IO ()
main = print ($(power 5) (3 :: Int))
END
# Native objects are what a dynamic GHC loads; :load again makes GHCi forget the first ones.
cat >script <<'END'
:load Power
:set -XTemplateHaskell
$(power 3) (2 :: Int)
:reload
:load Main
main
:load Power
$(power 4) (2 :: Int)
END

interactive() { "$@" ghc --interactive -v0 -ignore-dot-ghci -fobject-code -dynamic-too <script; }
evaluated() { "$@" ghc -v0 -fobject-code -dynamic-too -fforce-recomp -outputdir evaluated -e main Main.hs; }
spliced() { "$@" ghc -v0 -dynamic -fforce-recomp -outputdir spliced -o spliced.program Main.hs && ./spliced.program; }

# same NAME ANSWER OPENED: at least that many temporary objects are in the log.
same() {
	local policy
	ran bare "$1" env
	is "$1: works without linger" "$(cat bare.out)" "$2"$'\nstatus 0'
	for policy in never host off; do
		POLICY=$policy ran "$policy" "$1" with_linger "$TMP/$1.$policy"
		is "$1, $policy: the same" "$(cat $policy.out $policy.err)" "$(cat bare.out bare.err)"
		ok "$1, $policy: GHC opens temporary objects" [ "$(count "$1.$policy" open '/libghc_[0-9]*.so')" -ge "$3" ]
		is "$1, $policy: and closes nothing" \
			"$(count "$1.$policy" dlclose /libghc_) $(count "$1.$policy" request /libghc_) $(count "$1.$policy" unload /libghc_)" '0 0 0'
	done
}
same interactive $'8\n243\n16' 2
same evaluated 243 2
same spliced 243 1
