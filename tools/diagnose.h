#pragma once

#include <string>

#include "layers/module.h"

namespace fanin {

/// Where numbers first stopped being finite.
struct Diagnosis {
  std::string module;     // path, "" for the model itself
  std::string op;         // operator whose output was first not finite; "" if all were
  std::string parameter;  // first parameter that is not finite already; "" if all are
  std::string words;      // all of it in a sentence
};

/// Runs the forward pass of a batch again and watches every operator's output. Changes running statistics: for a
/// training that is over.
Diagnosis find_non_finite(Module& net, const Tensor& images, const Tensor& labels, double smoothing);

}  // namespace fanin
