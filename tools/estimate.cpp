#include "tools/estimate.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "core/autograd.h"
#include "core/check.h"
#include "core/ops/cross_entropy.h"
#include "core/random.h"
#include "layers/dropout.h"

namespace fanin {

namespace {

double run_once(Module& net, const Tensor& images, const Tensor& labels) {
  const DropoutScope dropout(0, 0);
  const auto start = std::chrono::steady_clock::now();
  backward(cross_entropy(net(images), labels));
  zero_grad(net);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

NoiseBatch noise_batch(const Shape& images, Dim classes, DType dtype, std::uint64_t seed) {
  Stream stream(seed);
  NoiseBatch batch{Tensor::empty(images), Tensor::zeros({images[0]}, DType::i64)};
  for (float& value : batch.images.mutable_data<float>()) value = static_cast<float>(stream.uniform(-1.7, 1.7));
  for (std::int64_t& label : batch.labels.mutable_data<std::int64_t>()) label = stream.below(classes);
  batch.images = batch.images.as(dtype);
  return batch;
}

StepCost measure_step(Module& net, const Shape& images, Dim classes, DType dtype) {
  StateDict before;
  for (const NamedParameter& buffer : named_buffers(net)) before.emplace_back(buffer.name, buffer.tensor->clone());
  const auto [noise, labels] = noise_batch(images, classes, dtype);
  StepCost cost;
  run_once(net, noise, labels);
  cost.seconds = run_once(net, noise, labels);
  double spent = cost.seconds;
  for (int more = 0; more < 4 && spent < 1; ++more) {
    const double again = run_once(net, noise, labels);
    spent += again;
    cost.seconds = std::min(cost.seconds, again);
  }
  cost.peak_bytes = peak_memory();
  std::size_t i = 0;
  for (const NamedParameter& buffer : named_buffers(net)) buffer.tensor->copy_(before[i++].second);
  return cost;
}

std::size_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (word == "MemAvailable:") {
      std::size_t kib = 0;
      file >> kib;
      return kib * 1024;
    }
  return 0;
}

std::size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace fanin
