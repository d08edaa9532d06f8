#include "core/optim/ema.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/simd.h"
#include "core/threads.h"

namespace fanin {

namespace {

template <class T>
void blend(std::span<T> into, std::span<const T> value, double decay) {
  const auto keep = static_cast<compute_t<T>>(decay);
  const auto take = static_cast<compute_t<T>>(1 - decay);
  parallel_for(static_cast<Dim>(into.size()), Dim{1} << 15, [&](Dim begin, Dim end) {
    T* a = into.data();
    const T* w = value.data();
    vectorized([&]() __attribute__((always_inline)) {
      for (Dim i = begin; i < end; ++i) a[i] = static_cast<T>(keep * a[i] + take * w[i]);
    });
  });
}

}  // namespace

Ema::Ema(StateDict state, double decay) : state_(std::move(state)), decay_(decay) {
  check(decay >= 0 && decay < 1, "ema: decay must be at least 0 and below 1, got ", decay);
  for (const auto& [name, tensor] : state_) average_.emplace_back(name, tensor.detach().clone());
}

void Ema::update() {
  for (std::size_t i = 0; i < state_.size(); ++i) {
    const Tensor& value = state_[i].second;
    Tensor& into = average_[i].second;
    if (is_floating(value.dtype()))
      dispatch(value.dtype(), [&]<class T>() { blend<T>(into.mutable_raw<T>(), value.raw<T>(), decay_); });
    else
      into.copy_(value);
  }
}

void Ema::swap() {
  for (std::size_t i = 0; i < state_.size(); ++i) {
    std::byte* value = state_[i].second.mutable_raw_bytes();
    std::swap_ranges(value, value + state_[i].second.bytes(), average_[i].second.mutable_raw_bytes());
  }
}

void Ema::load(const StateDict& average) {
  check<StateDictError>(average.size() == average_.size(), "ema: expected ", average_.size(), " tensors, got ",
                        average.size());
  for (std::size_t i = 0; i < average.size(); ++i)
    check<StateDictError>(
        average[i].first == average_[i].first && average[i].second.shape() == average_[i].second.shape(),
        "ema: expected '", average_[i].first, "' ", average_[i].second.shape(), ", got '", average[i].first, "' ",
        average[i].second.shape());
  for (std::size_t i = 0; i < average.size(); ++i) average_[i].second.copy_(average[i].second);
}

}  // namespace fanin
