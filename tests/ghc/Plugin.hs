{-
 - Plugin.hs - a library that a Haskell program loads: what can be left behind of it, one of each.
 - SPDX-License-Identifier: MIT
 -}
module Plugin (double, squares, total, fromC) where

-- | Code alone.
double :: Int -> [Int]
double n = [n, n * 2]
{-# NOINLINE double #-}

-- | A list without end. What is not evaluated yet lies in the heap and is code of this library.
squares :: Int -> [Int]
squares n = n * n : squares (n + 1)
{-# NOINLINE squares #-}

-- | A constant: evaluated once, and its value lives in the heap for as long as something of this
-- library is reachable.
totals :: [Int]
totals = scanl (+) 0 [1 ..]
{-# NOINLINE totals #-}

total :: Int -> [Int]
total n = [n, totals !! n]
{-# NOINLINE total #-}

-- | What C knows of this library.
foreign export ccall "plugin_from_c" fromC :: Int -> IO Int

fromC :: Int -> IO Int
fromC n = return (sum (double n))
