/* Matrix products on the matrix unit, where there is one. */
#pragma once

#define API __attribute__((visibility("default")))

/* 1 if the functions below may be called in this process. */
API int cg_matrix_unit(void);

/* c (m, n) = a (m, k) b (k, n), or += where `add`. Element (i, k) of a is a[i a_row + k a_depth],
 * element (k, j) of b is b[j b_row + k b_depth]; of each pair of strides one is 1. */
API void cg_matmul(float *c, const float *a, const float *b, long m, long n, long k, long c_row,
                   long a_row, long a_depth, long b_row, long b_depth, long add);

/* y (n, lanes) [+]= w (n, k) x (k, lanes) + bias (n), bit for bit the same for any lanes. */
void matrix_linear(float *y, const float *x, const float *w, const float *bias, long n, long k,
                   long lanes, int add);
