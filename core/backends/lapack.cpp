#include "core/backends/lapack.h"

#include <algorithm>
#include <vector>

// LAPACK's own Fortran symbols: Debian's OpenBLAS has no C interface to them.
extern "C" {
void dgeqrf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work, const int* lwork,
             int* info);
void dorgqr_(const int* m, const int* n, const int* k, double* a, const int* lda, const double* tau, double* work,
             const int* lwork, int* info);
void dsyev_(const char* vectors, const char* triangle, const int* n, double* a, const int* lda, double* w, double* work,
            const int* lwork, int* info, std::size_t, std::size_t);
}

namespace fanin::lapack {

void qr(std::span<double> a, Dim rows, Dim columns, std::span<double> diagonal) {
  check(rows >= columns && a.size() == static_cast<std::size_t>(rows * columns) &&
            diagonal.size() == static_cast<std::size_t>(columns),
        "qr: expected ", rows, " x ", columns, " elements with rows >= columns, got ", a.size());
  if (columns == 0) return;
  const int m = static_cast<int>(rows);
  const int n = static_cast<int>(columns);
  const int size = 64 * n;  // LAPACK's block of columns is at most 64 wide
  std::vector<double> work(static_cast<std::size_t>(size));
  std::vector<double> tau(static_cast<std::size_t>(n));
  int info = 0;
  dgeqrf_(&m, &n, a.data(), &m, tau.data(), work.data(), &size, &info);
  check<NumericError>(info == 0, "qr: LAPACK's dgeqrf refuses argument ", -info);
  for (std::size_t j = 0; j < diagonal.size(); ++j) diagonal[j] = a[j * static_cast<std::size_t>(rows) + j];
  dorgqr_(&m, &n, &n, a.data(), &m, tau.data(), work.data(), &size, &info);
  check<NumericError>(info == 0, "qr: LAPACK's dorgqr refuses argument ", -info);
}

void symmetric_eigen(std::span<double> a, Dim n, std::span<double> eigenvalues) {
  check(a.size() == static_cast<std::size_t>(n * n) && eigenvalues.size() == static_cast<std::size_t>(n),
        "symmetric_eigen: expected ", n, " x ", n, " elements, got ", a.size());
  if (n == 0) return;
  const int order = static_cast<int>(n);
  const int size = 64 * order;
  std::vector<double> work(static_cast<std::size_t>(std::max(size, 3 * order)));
  int info = 0;
  dsyev_("V", "U", &order, a.data(), &order, eigenvalues.data(), work.data(), &size, &info, 1, 1);
  check<NumericError>(info == 0, "symmetric_eigen: LAPACK's dsyev gives up with code ", info);
}

}  // namespace fanin::lapack
