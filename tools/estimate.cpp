#include "tools/estimate.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/check.h"
#include "core/ops/cross_entropy.h"
#include "core/random.h"
#include "core/storage.h"
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

/// Noise in place of data, for a model whose buffers are put back at the end.
class Rehearsal final {
 public:
  Rehearsal(Module& net, const Shape& shape, Dim classes, DType dtype) : net_(net) {
    for (const NamedParameter& buffer : named_buffers(net)) before_.emplace_back(buffer.name, buffer.tensor->clone());
    batch_ = noise_batch(shape, classes, dtype);
  }
  ~Rehearsal() {
    std::size_t i = 0;
    for (const NamedParameter& buffer : named_buffers(net_)) buffer.tensor->copy_(before_[i++].second);
  }
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  double run() { return run_once(net_, batch_.images, batch_.labels); }

 private:
  Module& net_;
  StateDict before_;
  NoiseBatch batch_;
};

/// The highest memory of tensors around each operator of a step, in the order they run.
std::vector<double> peaks(Module& net, Shape shape, Dim images, Dim classes, DType dtype) {
  shape[0] = images;
  Rehearsal rehearsal(net, shape, classes, dtype);
  // As an optimiser does: kernels keep copies of weights that stay as they were.
  for (const NamedParameter& parameter : named_parameters(net)) parameter.tensor->mutable_raw_bytes();
  std::vector<double> result;
  const auto note = [&] {
    result.push_back(static_cast<double>(memory_use().peak));
    reset_peak_memory();
  };
  reset_peak_memory();
  const Trace trace([&](const TraceEntry&, const Tensor&) { note(); }, [&](const TraceEntry&) { note(); });
  rehearsal.run();
  note();
  return result;
}

double resident() {
  std::ifstream file("/proc/self/statm");
  double total = 0, pages = 0;
  file >> total >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
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

MemoryCost predict_memory(Module& net, const Shape& images, Dim classes, DType dtype) {
  constexpr Dim few = 4, more = 8;
  const std::vector<double> a = peaks(net, images, few, classes, dtype);
  const std::vector<double> b = peaks(net, images, more, classes, dtype);
  check(a.size() == b.size(), "the model runs other operators for ", few, " images than for ", more,
        ": its memory cannot be told from small steps");
  MemoryCost cost;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double each = (b[i] - a[i]) / (more - few);
    cost.tensors = std::max(cost.tensors, a[i] + each * static_cast<double>(images[0] - few));
  }
  cost.process = cost.tensors + resident() - static_cast<double>(memory_use().reserved);
  return cost;
}

StepCost measure_step(Module& net, const Shape& images, Dim classes, DType dtype) {
  StepCost cost;
  cost.peak_bytes = static_cast<std::size_t>(predict_memory(net, images, classes, dtype).process);
  Rehearsal rehearsal(net, images, classes, dtype);
  rehearsal.run();
  cost.seconds = rehearsal.run();
  double spent = cost.seconds;
  for (int more = 0; more < 4 && spent < 1; ++more) {
    const double again = rehearsal.run();
    spent += again;
    cost.seconds = std::min(cost.seconds, again);
  }
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
