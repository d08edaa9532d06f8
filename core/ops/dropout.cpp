#include "core/ops/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/autograd.h"
#include "core/ops/arguments.h"
#include "core/simd.h"
#include "core/threads.h"

namespace fanin {

namespace {

/// Linear in x and its own adjoint: the forward and the backward pass alike.
Tensor masked(const Tensor& x, double p, const Stream& stream) {
  const Tensor in = x.plain();
  Tensor out = Tensor::like(in);
  const auto threshold = static_cast<std::uint32_t>(std::min<double>(std::round(p * 0x1p32), 0xffffffffU));
  dispatch(x.dtype(), [&]<class T>() {
    using C = compute_t<T>;
    const C scale = static_cast<C>(1 / (1 - p));
    const T* const from = in.data<T>().data();
    T* const to = out.mutable_data<T>().data();
    parallel_for(in.numel(), 1 << 12, [&](Dim begin, Dim end) {
      Stream words = stream;
      words.discard(static_cast<std::uint64_t>(begin));
      std::array<std::uint32_t, 1024> word;
      for (Dim i = begin; i < end; i += std::ssize(word)) {
        const Dim count = std::min(end - i, std::ssize(word));
        words.bits(std::span(word).first(static_cast<std::size_t>(count)));
        vectorized([&]() __attribute__((always_inline)) {
          for (Dim k = 0; k < count; ++k) {
            const T kept = static_cast<T>(static_cast<C>(from[i + k]) * scale);
            to[i + k] = word[static_cast<std::size_t>(k)] < threshold ? T(0) : kept;
          }
        });
      }
    });
  });
  return out.to(x.layout());
}

}  // namespace

Tensor dropout(const Tensor& x, double p, const Stream& stream) {
  check_floating("dropout", x);
  check<NumericError>(0 <= p && p < 1, "dropout: p must be at least 0 and less than 1, got ", p);
  return record({"dropout", {{"p", p}}}, masked(x, p, stream), {x},
                [p, stream](const Tensor& dy, Needs) -> Tensors { return {masked(dy, p, stream)}; });
}

OpInfo dropout_info() {
  const auto call = [](const Tensors& in) { return dropout(in[0], 0.4, Stream(7)); };
  return {.name = "dropout",
          .samples = {{"vector", {{7}}, call},
                      {"image", {{2, 3, 4, 5}}, call},
                      {"nothing dropped", {{7}}, [](const Tensors& in) { return dropout(in[0], 0, Stream(7)); }},
                      {"empty", {{0, 3}}, call}},
          .rejects = {{"all dropped", [] { dropout(Tensor::zeros({2}), 1, Stream(7)); }, "less than 1"},
                      {"negative", [] { dropout(Tensor::zeros({2}), -0.1, Stream(7)); }, "-0.1"},
                      {"integers", [] { dropout(Tensor::zeros({2}, DType::i64), 0.5, Stream(7)); }, "i64"}}};
}

}  // namespace fanin
