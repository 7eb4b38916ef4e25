/*
 * shape.h - a class whose methods stand in the vtables of two libraries.
 * SPDX-License-Identifier: MIT
 */
#ifndef SHAPE_H
#define SHAPE_H

struct t_shape {
	virtual int area();
	virtual int sides();
};

#endif
