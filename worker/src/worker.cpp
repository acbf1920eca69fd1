#include "common/base/version.hpp"
