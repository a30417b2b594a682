#include "app/commands/cli.h"

int main(int argc, char** argv) {
  return satgate::app::run_command_line(argc, argv);
}
