/*
 * plug_holes.c - linked for pages of 2 MiB (tests/flags.mk): holes between its segments.
 * SPDX-License-Identifier: MIT
 */
char anchor;
