{-
 - Host.hs - loads, uses and unloads libraries through GHC's own run-time system.
 -
 - usage: host cycle N LIBRARY SYMBOL	loads, uses and unloads it N times
 -        host pointer N LIBRARY SYMBOL	calls a C function after unloading and N collections
 -        host list N LIBRARY SYMBOL	evaluates more of a list after that
 -        host function N LIBRARY SYMBOL	calls a Haskell function after that
 -
 - The symbol is one of type Int -> [Int], and Int -> IO Int for C. A collection of everything is
 - what closes a library that was unloaded. GHC 9.0 has no lookup of its own beside dlsym.
 - SPDX-License-Identifier: MIT
 -}
{-# LANGUAGE MagicHash, UnboxedTuples #-}
module Main (main) where

import Control.Monad
import Foreign
import Foreign.C
import GHC.Exts
import System.Environment
import System.IO
import System.Mem

foreign import ccall "initLinker" initLinker :: IO ()
foreign import ccall "loadNativeObj" loadNativeObj :: CString -> Ptr CString -> IO (Ptr ())
foreign import ccall "unloadNativeObj" unloadNativeObj :: Ptr () -> IO Int
foreign import ccall "dlsym" dlsym :: Ptr () -> CString -> IO (Ptr ())
foreign import ccall "dynamic" called :: FunPtr (Int -> IO Int) -> Int -> IO Int

load :: String -> IO (Ptr ())
load path = withCString path $ \p -> alloca $ \message -> do
  library <- loadNativeObj p message
  when (library == nullPtr) $ peek message >>= peekCString >>= fail
  return library

unload :: Ptr () -> IO ()
unload library = do
  done <- unloadNativeObj library
  when (done /= 1) $ fail "it cannot be unloaded"

symbol :: Ptr () -> String -> IO (Ptr ())
symbol library name = do
  address <- withCString name (dlsym library)
  when (address == nullPtr) $ fail ("there is no " ++ name)
  return address

function :: Ptr () -> IO (Int -> [Int])
function (Ptr address) = case addrToAny# address of (# f #) -> return f

-- | Unloads it, and lets the collector close it if it finds nothing.
leave :: Int -> Ptr () -> IO ()
leave collections library = do
  unload library
  replicateM_ collections performMajorGC
  putStrLn "unloaded"

main :: IO ()
main = do
  [mode, count, path, name] <- getArgs
  hSetBuffering stdout LineBuffering
  -- Makes the table of what is loaded; loadNativeObj crashes without it.
  initLinker
  let n = read count
  case mode of
    "cycle" -> forM_ [1 .. n] $ \i -> do
      library <- load path
      f <- symbol library name >>= function
      print (take 3 (f i))
      unload library
      performMajorGC
    "pointer" -> do
      library <- load path
      f <- castPtrToFunPtr <$> symbol library name
      called f 20 >>= print
      leave n library
      called f 40 >>= print
    "list" -> do
      library <- load path
      list <- ($ 3) <$> (symbol library name >>= function)
      print (take 3 list)
      leave n library
      print (take 6 list)
    "function" -> do
      library <- load path
      f <- symbol library name >>= function
      print (take 3 (f 3))
      leave n library
      print (take 3 (f 4))
    _ -> fail "unknown mode"
  putStrLn "end"
