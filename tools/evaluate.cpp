#include "tools/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/autograd.h"
#include "core/check.h"

namespace fanin {

Dim Confusion::total() const { return std::accumulate(counts_.begin(), counts_.end(), Dim{0}); }

Dim Confusion::correct() const {
  Dim sum = 0;
  for (Dim c = 0; c < classes_; ++c) sum += (*this)(c, c);
  return sum;
}

Dim Confusion::of_class(Dim label) const {
  const auto row = counts_.begin() + label * classes_;
  return std::accumulate(row, row + classes_, Dim{0});
}

std::string confusion_csv(const Confusion& confusion, const std::vector<std::string>& classes) {
  const auto quoted = [](const std::string& name) {
    if (name.find_first_of(",\"\n") == std::string::npos) return name;
    std::string inside = "\"";
    for (const char c : name) inside += c == '"' ? "\"\"" : std::string(1, c);
    return inside + "\"";
  };
  std::string table = "label";
  for (const std::string& name : classes) table += "," + quoted(name);
  for (Dim label = 0; label < confusion.classes(); ++label) {
    table += "\n" + quoted(classes[static_cast<std::size_t>(label)]);
    for (Dim predicted = 0; predicted < confusion.classes(); ++predicted)
      table += text(",", confusion(label, predicted));
  }
  return table + "\n";
}

void count_batch(const Tensor& logits, const Tensor& labels, Evaluation& sums) {
  const Dim classes = sums.confusion.classes();
  const auto label_of = labels.data<std::int64_t>();
  const std::vector<double> values = logits.values();
  for (Dim n = 0; n < labels.numel(); ++n) {
    const auto row = values.begin() + n * classes;
    const Dim label = label_of[static_cast<std::size_t>(n)];
    const auto top = std::max_element(row, row + classes);
    const double own = row[label];
    double sum = 0;
    Dim ahead = 0;
    for (Dim c = 0; c < classes; ++c) {
      sum += std::exp(row[c] - *top);
      if (c != label) ahead += row[c] < own || (row[c] == own && c > label) ? 0 : 1;
    }
    sums.loss += std::log(sum) + *top - own;
    sums.top1 += ahead == 0 ? 1 : 0;
    sums.top5 += ahead < 5 ? 1 : 0;
    ++sums.samples;
    sums.confusion.add(label, top - row);
  }
}

Evaluation evaluate(Module& net, const std::shared_ptr<const Dataset>& data, const EvaluateOptions& options) {
  Loader loader(data, {.batch_size = std::min(options.batch_size, data->size()),
                       .dtype = options.dtype,
                       .normalisation = options.normalisation});
  const NoGrad no_grad;
  const EvalScope evaluating(net);
  Evaluation result{.confusion = Confusion(data->classes())};
  if (options.logits != nullptr) *options.logits = Tensor::empty({data->size(), data->classes()});
  for (const Batch& batch : loader.epoch(0)) {
    const Tensor logits = net(batch.images).plain();
    check(logits.rank() == 2 && logits.dim(1) == data->classes(), "the model gives ", logits.shape(), ", the data has ",
          data->classes(), " classes");
    if (options.logits != nullptr) {
      const Tensor rows = logits.as(DType::f32);
      std::copy_n(rows.data<float>().data(), rows.numel(),
                  options.logits->mutable_data<float>().data() + result.samples * data->classes());
    }
    count_batch(logits, batch.labels, result);
    if (options.go_on && !options.go_on(result.samples)) break;
  }
  const auto samples = static_cast<double>(std::max(result.samples, Dim{1}));
  result.loss /= samples;
  result.top1 /= samples;
  result.top5 /= samples;
  return result;
}

}  // namespace fanin
