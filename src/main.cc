// The program: everything is in the command line module.
#include "cli/command.h"

int main(int argc, char** argv) { return hone::cli::main(argc, argv); }
