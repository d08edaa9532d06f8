#include "init/data_dependent.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/autograd.h"
#include "core/backends/blas.h"
#include "core/backends/lapack.h"
#include "init/scheme.h"

namespace fanin {
namespace {

struct Observed {
  std::vector<std::string> order;         // paths, as they first ran
  std::map<std::string, Moments> output;  // of the last operator each of them ran
};

Observed run(Module& net, const BatchSource& batch, const std::vector<std::string>& layers) {
  Observed seen;
  const Trace trace([&](const TraceEntry& entry, const Tensor& output) {
    if (std::ranges::find(layers, entry.module) == layers.end()) return;
    if (!seen.output.contains(entry.module)) seen.order.push_back(entry.module);
    seen.output[entry.module] = moments(output.plain());
  });
  net(batch());
  return seen;
}

class OwnWeight final : public ModuleVisitor {
 public:
  void parameter(std::string_view name, Tensor& tensor) override {
    if (name == "weight") weight = &tensor;
  }
  Tensor* weight = nullptr;
};

void scale(Tensor& weight, double factor) {
  dispatch(weight.dtype(), [&]<class T>() {
    for (T& w : weight.mutable_raw<T>())
      w = static_cast<T>(static_cast<compute_t<T>>(w) * static_cast<compute_t<T>>(factor));
  });
}

/// Patches of one image, one a row: [(H − kh + 1)·(W − kw + 1), C·kh·kw].
std::vector<double> patches(const double* image, Dim C, Dim H, Dim W, Dim kh, Dim kw) {
  std::vector<double> rows;
  rows.reserve(static_cast<std::size_t>((H - kh + 1) * (W - kw + 1) * C * kh * kw));
  for (Dim y = 0; y + kh <= H; ++y)
    for (Dim x = 0; x + kw <= W; ++x)
      for (Dim c = 0; c < C; ++c)
        for (Dim dy = 0; dy < kh; ++dy)
          for (Dim dx = 0; dx < kw; ++dx) rows.push_back(image[(c * H + y + dy) * W + x + dx]);
  return rows;
}

}  // namespace

std::vector<LsuvStep> lsuv(Module& net, const std::vector<std::string>& layers, const BatchSource& batch,
                           LsuvOptions options) {
  check<Error>(static_cast<bool>(batch), "lsuv needs a source of batches");
  const NoGrad off;
  const EvalScope evaluating(net);
  std::map<std::string, Tensor*> weights;
  for (const NamedModule& entry : named_modules(net)) {
    OwnWeight own;
    entry.module->visit(own);
    weights[entry.path] = own.weight;
  }
  const Observed first = run(net, batch, layers);
  for (const std::string& layer : layers) {
    check<Error>(weights.contains(layer) && weights[layer] != nullptr, "lsuv: '", layer, "' has no weight");
    check<Error>(first.output.contains(layer), "lsuv: '", layer, "' does not run on the batch");
  }
  std::vector<LsuvStep> steps;
  for (const std::string& layer : first.order) {
    LsuvStep step{.layer = layer, .before = run(net, batch, {layer}).output.at(layer).std};
    for (step.after = step.before;
         step.passes < options.passes && !(std::abs(step.after * step.after - 1) < options.tolerance); ++step.passes) {
      check<NumericError>(step.after > 0 && std::isfinite(step.after), "lsuv: the output of '", layer,
                          "' has the standard deviation ", step.after, " on the batch");
      scale(*weights[layer], 1 / step.after);
      step.factor /= step.after;
      step.after = run(net, batch, {layer}).output.at(layer).std;
    }
    steps.push_back(step);
  }
  return steps;
}

Whitening whiten(Tensor& weight, const Tensor& images, double eps) {
  check(weight.rank() == 4 && images.rank() == 4 && images.dim(1) == weight.dim(1), "whiten: weight ", weight.shape(),
        " and images ", images.shape(), " must be [out, C, kh, kw] and [N, C, H, W]");
  const Dim C = weight.dim(1), kh = weight.dim(2), kw = weight.dim(3);
  const Dim n = C * kh * kw;
  const Dim half = weight.dim(0) / 2;
  check(weight.dim(0) % 2 == 0 && half <= n, "whiten: weight ", weight.shape(),
        " must have an even number of filters, ", 2 * n, " at most");
  check(images.dim(0) > 0 && images.dim(2) >= kh && images.dim(3) >= kw, "whiten: images ", images.shape(),
        " are smaller than a patch of ", kh, "x", kw);
  const std::vector<double> pixels = images.values();
  std::vector<double> moment(static_cast<std::size_t>(n * n));
  Dim count = 0;
  for (Dim i = 0; i < images.dim(0); ++i) {
    const std::vector<double> p =
        patches(pixels.data() + i * images.shape().numel_from(1), C, images.dim(2), images.dim(3), kh, kw);
    const Dim rows = static_cast<Dim>(p.size()) / n;
    blas::gemm(true, false, n, n, rows, p.data(), n, p.data(), n, 1.0, moment.data(), n);
    count += rows;
  }
  for (double& m : moment) m /= static_cast<double>(count);
  std::vector<double> lambda(static_cast<std::size_t>(n));
  lapack::symmetric_eigen(moment, n, lambda);  // ascending
  dispatch(weight.dtype(), [&]<class T>() {
    const std::span<T> w = weight.mutable_data<T>();
    for (Dim f = 0; f < half; ++f) {
      const auto column = static_cast<std::size_t>(n - 1 - f);
      const double size = std::sqrt(std::max(0.0, lambda[column]) + eps);
      check<NumericError>(size > 0, "whiten: the images' patches span only ", f, " dimensions; give eps > 0");
      for (Dim k = 0; k < n; ++k) {
        const auto value = static_cast<compute_t<T>>(
            moment[column * static_cast<std::size_t>(n) + static_cast<std::size_t>(k)] / size);
        w[static_cast<std::size_t>(f * n + k)] = static_cast<T>(value);
        w[static_cast<std::size_t>((half + f) * n + k)] = static_cast<T>(-value);
      }
    }
  });
  Whitening found{.directions = half};
  if (half == 0) return found;
  double taken = 0;
  for (Dim f = 0; f < half; ++f) taken += lambda[static_cast<std::size_t>(n - 1 - f)];
  const double all = std::reduce(lambda.begin(), lambda.end());
  found.share = all > 0 ? taken / all : 0;
  found.largest = lambda.back();
  found.smallest = lambda[static_cast<std::size_t>(n - half)];
  return found;
}

}  // namespace fanin
