// lightning decode: what an invoice says, and that it is one. Asks nobody.
#pragma once

#include "app/commands/command.h"

namespace satgate::app {

void add_lightning_decode(CLI::App& lightning_group, Context& context);

}  // namespace satgate::app
