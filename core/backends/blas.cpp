#include "core/backends/blas.h"

#include <cblas.h>

namespace fanin::blas {

namespace {
constexpr CBLAS_TRANSPOSE flag(bool transpose) { return transpose ? CblasTrans : CblasNoTrans; }
constexpr blasint size(Dim n) { return static_cast<blasint>(n); }
}  // namespace

void gemm(bool transpose_a, bool transpose_b, Dim M, Dim N, Dim K, const float* a, Dim lda, const float* b, Dim ldb,
          float beta, float* c, Dim ldc) {
  cblas_sgemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), size(M), size(N), size(K), 1.0F, a, size(lda), b,
              size(ldb), beta, c, size(ldc));
}

void gemm(bool transpose_a, bool transpose_b, Dim M, Dim N, Dim K, const double* a, Dim lda, const double* b, Dim ldb,
          double beta, double* c, Dim ldc) {
  cblas_dgemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), size(M), size(N), size(K), 1.0, a, size(lda), b,
              size(ldb), beta, c, size(ldc));
}

void use_one_thread() { openblas_set_num_threads(1); }

const char* configuration() { return openblas_get_config(); }

}  // namespace fanin::blas
