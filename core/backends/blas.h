#pragma once

#include "core/shape.h"

/// The only door to OpenBLAS. Everything runs on the calling thread: Debian's OpenBLAS brings a pool of its own that
/// fights OpenMP's, so callers split the work with parallel_for instead.
namespace fanin::blas {

/// C = op(A) · op(B) + beta · C, row-major; op(A) is [M, K], op(B) [K, N], C [M, N]; lda, ldb, ldc are row strides.
void gemm(bool transpose_a, bool transpose_b, Dim M, Dim N, Dim K, const float* a, Dim lda, const float* b, Dim ldb,
          float beta, float* c, Dim ldc);
void gemm(bool transpose_a, bool transpose_b, Dim M, Dim N, Dim K, const double* a, Dim lda, const double* b, Dim ldb,
          double beta, double* c, Dim ldc);

/// Keeps OpenBLAS from starting threads.
void use_one_thread();

/// "OpenBLAS 0.3.21 … SkylakeX": for the doctor.
const char* configuration();

}  // namespace fanin::blas
