/*
 * plug_flag_nodelete.c - linked with -z nodelete.
 * SPDX-License-Identifier: MIT
 */
char anchor;
