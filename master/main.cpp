#include <fmt/format.h>

#include "common/base/version.hpp"

int main() { fmt::print("tandem {}\n", tandem::version); }
