#include "core/ops/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"

namespace fanin {

namespace {

void check_arguments(const Tensor& logits, const Tensor& labels, double smoothing) {
  check(logits.defined() && logits.rank() == 2, "cross_entropy: logits must be [N, classes], got ", logits.shape());
  check(labels.defined() && labels.shape() == Shape{logits.dim(0)}, "cross_entropy: labels must be [", logits.dim(0),
        "] for logits ", logits.shape(), ", got ", labels.shape());
  check<DTypeError>(is_floating(logits.dtype()), "cross_entropy: logits must be floating, got ", logits.dtype());
  check<DTypeError>(labels.dtype() == DType::i64, "cross_entropy: labels must be i64, got ", labels.dtype());
  check(logits.dim(0) > 0, "cross_entropy: the mean over an empty batch is undefined");
  check(smoothing >= 0 && smoothing < 1, "cross_entropy: label smoothing must be in [0, 1), got ", smoothing);
  const Dim K = logits.dim(1);
  for (const std::int64_t label : labels.data<std::int64_t>())
    check(label >= 0 && label < K, "cross_entropy: label ", label, " is out of range for ", K, " classes (0 to ", K - 1,
          ")");
}

/// Turns a row of logits into probabilities in `p` and returns its loss.
template <class T>
double row_loss(const T* logits, T* p, Dim K, Dim label, double smoothing) {
  const auto highest = static_cast<double>(*std::max_element(logits, logits + K));
  double sum = 0;
  double total = 0;
  for (Dim k = 0; k < K; ++k) {
    sum += std::exp(static_cast<double>(logits[k]) - highest);
    total += static_cast<double>(logits[k]);
  }
  const double log_sum = std::log(sum) + highest;
  for (Dim k = 0; k < K; ++k) p[k] = static_cast<T>(std::exp(static_cast<double>(logits[k]) - log_sum));
  const double target = static_cast<double>(logits[label]) - log_sum;
  if (smoothing == 0) return -target;  // finite also where other logits are −∞
  const double mean = total / static_cast<double>(K) - log_sum;
  return -(1 - smoothing) * target - smoothing * mean;
}

template <class T>
Tensor loss_of(const Tensor& logits, const Tensor& labels, double smoothing, Tensor& probabilities) {
  const Dim N = logits.dim(0);
  const Dim K = logits.dim(1);
  const T* in = logits.data<T>().data();
  T* p = probabilities.mutable_data<T>().data();
  double sum = 0;
  for (Dim n = 0; n < N; ++n)
    sum += row_loss(in + n * K, p + n * K, K, labels.data<std::int64_t>()[static_cast<std::size_t>(n)], smoothing);
  return Tensor::full({}, sum / static_cast<double>(N), dtype_of<T>);
}

template <class T>
Tensor gradient(double dy, const Tensor& probabilities, const Tensor& labels, double smoothing) {
  const Dim N = probabilities.dim(0);
  const Dim K = probabilities.dim(1);
  const T* p = probabilities.data<T>().data();
  Tensor dx = Tensor::like(probabilities);
  T* d = dx.mutable_data<T>().data();
  const double scale = dy / static_cast<double>(N);
  for (Dim n = 0; n < N; ++n) {
    const Dim label = labels.data<std::int64_t>()[static_cast<std::size_t>(n)];
    for (Dim k = 0; k < K; ++k) {
      const double wanted = (k == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(K);
      d[n * K + k] = static_cast<T>(scale * (static_cast<double>(p[n * K + k]) - wanted));
    }
  }
  return dx;
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing) {
  check_arguments(logits, labels, label_smoothing);
  const bool wide = logits.dtype() == DType::f64;
  const Tensor in = logits.plain().as(wide ? DType::f64 : DType::f32);
  Tensor probabilities = Tensor::like(in);
  const Tensor loss = wide ? loss_of<double>(in, labels, label_smoothing, probabilities)
                           : loss_of<float>(in, labels, label_smoothing, probabilities);
  return record({"cross_entropy", {{"label_smoothing", label_smoothing}}}, loss, {logits},
                [wide, label_smoothing, dtype = logits.dtype(), p = Saved(probabilities), t = Saved(labels)](
                    const Tensor& dy, Needs) -> Tensors {
                  const Tensor d = wide ? gradient<double>(dy.item(), p.get(), t.get(), label_smoothing)
                                        : gradient<float>(dy.item(), p.get(), t.get(), label_smoothing);
                  return {d.as(dtype)};
                });
}

OpInfo cross_entropy_info() {
  const auto call = [](std::vector<std::int64_t> labels, double smoothing) {
    return [=](const Tensors& in) {
      return cross_entropy(in[0], Tensor::from(labels, {static_cast<Dim>(labels.size())}), smoothing);
    };
  };
  const auto bad = [](std::vector<std::int64_t> labels, double smoothing) {
    return [=] {
      cross_entropy(Tensor::zeros({2, 3}), Tensor::from(labels, {static_cast<Dim>(labels.size())}), smoothing);
    };
  };
  return {.name = "cross_entropy",
          .samples = {{"plain", {{3, 5}}, call({0, 4, 2}, 0)},
                      {"smoothed", {{2, 10}}, call({9, 1}, 0.1)},
                      {"one class", {{2, 1}}, call({0, 0}, 0)}},
          .rejects = {{"label", bad({0, 3}, 0), "label 3 is out of range"},
                      {"negative label", bad({-1, 0}, 0), "label -1"},
                      {"batch", bad({0, 1, 2}, 0), "labels must be [2]"},
                      {"smoothing", bad({0, 1}, 1.5), "1.5"}},
          .low = -6,
          .high = 6};
}

}  // namespace fanin
