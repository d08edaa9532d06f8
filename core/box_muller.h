#pragma once

#include <span>

namespace fanin::detail {

/// Turns whole blocks of 16 uniforms of [0, 1) into 16 normals in place, as PyTorch's CPU kernels do: in each block
/// value j of the first 8 gives the radius √(−2 log(1 − u)), value j of the last 8 the angle 2πu; the cosine goes to
/// the first 8, the sine to the last 8. Sizes must be multiples of 16. Runs on fanin's threads.

/// The result of PyTorch's AVX2 kernel: log, sin and cos are Cephes' single-precision polynomials, and multiply-adds
/// are fused where GCC fuses them in PyTorch's builds.
void box_muller_simd(std::span<float> u, float mean, float std);
/// The result of PyTorch's kernel for machines without AVX2: libm's functions, nothing fused.
void box_muller_scalar(std::span<float> u, float mean, float std);
/// f64 on every machine; `fused` says whether scaling and shift are one operation.
void box_muller(std::span<double> u, double mean, double std, bool fused);

}  // namespace fanin::detail
