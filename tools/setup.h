#pragma once

#include "tools/command.h"
#include "tools/train_arguments.h"
#include "tools/trainer.h"

namespace fanin {

/// The data of a training, opened once for several seeds.
struct TrainData {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> val;  // or null
  Normalisation normalisation;
};

/// Opens the data, lets the recipe and then the data decide what is still open in `arguments`.
/// Throws UsageError, Error or FileError.
TrainData prepare_data(TrainArguments& arguments, Options& options);

/// Builds the model, sets its parameters by rules or from a file, freezes what is to be frozen. `begun`: for a run that
/// a checkpoint has, the rules it began with; the parameters are 0 until it is read.
/// Throws UsageError, Error or FileError.
TrainSetup prepare_training(const TrainArguments& arguments, std::uint64_t seed, const TrainData& data,
                            const std::string& begun = {});

/// What args.json holds.
Json describe_run(const TrainSetup& setup, const Options& options);

}  // namespace fanin
