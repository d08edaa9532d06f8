#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/io/safetensors.h"
#include "layers/module.h"

namespace fanin::golden {

/// A file written by tests/golden/make_golden.py; the tests run in the source folder.
inline StateDict load(const std::string& name) {
  return load_safetensors("tests/golden/" + name + ".safetensors").tensors;
}

inline Tensor get(const StateDict& tensors, std::string_view name) {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  fail<Error>("no golden tensor '", name, "': run tests/golden/make_golden.py again");
}

/// The tensors whose names begin with `prefix`, without it.
inline StateDict under(const StateDict& tensors, std::string_view prefix) {
  StateDict found;
  for (const auto& [key, tensor] : tensors)
    if (key.starts_with(prefix)) found.emplace_back(key.substr(prefix.size()), tensor);
  return found;
}

/// Numbers in [-1, 1) that depend on `name` and position only, as noise() of golden.py: splitmix64 keyed by FNV-1a.
inline Tensor noise(std::string_view name, const Shape& shape) {
  std::uint64_t key = 0xCBF29CE484222325;
  for (const char byte : name) key = (key ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  Tensor result = Tensor::empty(shape, DType::f64);
  for (double& value : result.mutable_data<double>()) {
    key += 0x9E3779B97F4A7C15;
    std::uint64_t z = (key ^ key >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    z ^= z >> 31;
    value = static_cast<double>(z >> 40) / (1 << 23) - 1;
  }
  return result;
}

/// Sets parameters and statistics as fill() of golden.py does.
inline void fill(Module& net) {
  for (auto& [name, tensor] : state_dict(net)) {
    Tensor target = tensor;
    if (name.ends_with("num_batches_tracked")) continue;
    Tensor value = noise(name, tensor.shape());
    const bool about_one = name.ends_with("running_var") || name.ends_with("weight");
    const double bound = tensor.rank() >= 2 ? std::sqrt(6.0 / static_cast<double>(tensor.shape().numel_from(1))) : 0;
    for (double& u : value.mutable_data<double>()) {
      u = tensor.rank() >= 2 ? u * bound : about_one ? 1 + u / 2 : u / 4;
      u = static_cast<float>(u);
    }
    target.copy_(value);
  }
}

/// Σ f(a[i], b[i]) in order, in double.
template <class F>
double sum_over(const Tensor& a, const Tensor& b, F f) {
  check(a.shape() == b.shape(), "shapes ", a.shape(), " and ", b.shape(), " differ");
  const Tensor left = a.plain().as(DType::f64);
  const Tensor right = b.plain().as(DType::f64);
  const double* p = left.data<double>().data();
  const double* q = right.data<double>().data();
  double sum = 0;
  for (Dim i = 0; i < left.numel(); ++i) sum += f(p[i], q[i]);
  return sum;
}

inline double dot(const Tensor& a, const Tensor& b) {
  return sum_over(a, b, [](double p, double q) { return p * q; });
}

inline double norm(const Tensor& a) { return std::sqrt(dot(a, a)); }

/// Largest absolute difference; NaN if there is one.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  sum_over(a, b, [&](double p, double q) {
    if (!(std::abs(p - q) <= largest) && !std::isnan(largest)) largest = std::abs(p - q);
    return 0.0;
  });
  return largest;
}

/// |a − b| / |b|, Euclidean.
inline double relative_difference(const Tensor& a, const Tensor& b) {
  return std::sqrt(sum_over(a, b, [](double p, double q) { return (p - q) * (p - q); })) / norm(b);
}

}  // namespace fanin::golden
