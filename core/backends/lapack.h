#pragma once

#include <span>

#include "core/shape.h"

/// The only door to LAPACK, which OpenBLAS brings along. Matrices are f64 and column-major, as LAPACK keeps them.
namespace fanin::lapack {

/// a [rows, columns] = Q·R with rows >= columns, by Householder reflections. `a` becomes Q, whose columns are
/// orthonormal; `diagonal` (one value a column) becomes R's.
void qr(std::span<double> a, Dim rows, Dim columns, std::span<double> diagonal);

/// Eigenvalues of a symmetric matrix [n, n], ascending; `a` becomes the eigenvectors, one a column. Throws
/// NumericError if the iteration does not end.
void symmetric_eigen(std::span<double> a, Dim n, std::span<double> eigenvalues);

}  // namespace fanin::lapack
