#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/loader.h"
#include "layers/module.h"

namespace fanin {

/// How often an image of one class was taken for another.
class Confusion final {
 public:
  explicit Confusion(Dim classes = 0) : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {}

  void add(Dim label, Dim predicted) { ++counts_[static_cast<std::size_t>(label * classes_ + predicted)]; }
  Dim operator()(Dim label, Dim predicted) const {
    return counts_[static_cast<std::size_t>(label * classes_ + predicted)];
  }
  Dim classes() const { return classes_; }
  Dim total() const;
  Dim correct() const;
  Dim of_class(Dim label) const;
  std::vector<Dim>& counts() { return counts_; }
  const std::vector<Dim>& counts() const { return counts_; }

 private:
  Dim classes_;
  std::vector<Dim> counts_;  // [label, predicted]
};

/// As a table with the classes' names: a row for each label, a column for what it was taken for.
std::string confusion_csv(const Confusion& confusion, const std::vector<std::string>& classes);

/// Accuracies are fractions of 1, `loss` the mean cross-entropy without smoothing.
struct Evaluation {
  Dim samples = 0;
  double loss = 0;
  double top1 = 0;
  double top5 = 0;  // the label is among the five largest, or among all where there are fewer classes
  Confusion confusion;
};

/// Adds what the logits [N, classes] say about `labels` to the sums of an Evaluation (loss, top1 and top5 as sums).
/// A label whose logit is NaN counts as missed.
void count_batch(const Tensor& logits, const Tensor& labels, Evaluation& sums);

struct EvaluateOptions {
  Dim batch_size = 128;
  DType dtype = DType::f32;
  Normalisation normalisation;
  /// Asked after every batch with the number of images done; false stops.
  std::function<bool(Dim done)> go_on = {};
  /// Where given, receives the logits [samples, classes] as f32, in data-set order.
  Tensor* logits = nullptr;
};

/// Runs `net` over `data` in evaluation mode, in data-set order; the mode it was in comes back. Throws ShapeError if
/// the net's outputs are not one logit for each class of the data.
Evaluation evaluate(Module& net, const std::shared_ptr<const Dataset>& data, const EvaluateOptions& options);

}  // namespace fanin
