#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/optim/ema.h"
#include "core/optim/optimizer.h"
#include "core/optim/schedule.h"
#include "layers/module.h"
#include "tools/evaluate.h"
#include "tools/metrics.h"

namespace fanin {

/// How far a training has come. With the weights and the optimiser's state, all that the rest of it depends on: data
/// order, augmentation and dropout are functions of (seed, epoch, step).
struct TrainState {
  std::int64_t step = 0;    // optimiser steps taken
  std::int64_t epoch = 0;   // the one under way, from 0
  Dim batch = 0;            // its next batch
  std::int64_t ended = -1;  // the step after which the last epoch was ended: validated, and its best weights kept
  double loss_sum = 0;      // over the images of this epoch so far
  Confusion confusion;      // of the same, as they were trained
  Best best;
  double seconds = 0;  // of all sittings
};

/// The parts a checkpoint is made of. `ema` may be null.
struct TrainParts {
  Module& net;
  Optimizer& optimizer;
  Schedule& schedule;
  Ema* ema;
};

/// Writes everything into one file, atomically. Throws FileError.
void save_checkpoint(const std::string& path, const TrainState& state, const TrainParts& parts);
/// Puts everything back. Returns a warning where the same bits cannot be promised (another number of threads, another
/// instruction set), else an empty string. Throws FileError if the file is damaged or of another model or optimiser;
/// then the parts must not be used.
std::string load_checkpoint(const std::string& path, TrainState& state, const TrainParts& parts);

}  // namespace fanin
