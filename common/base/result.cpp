#include "common/base/result.hpp"

namespace tandem {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid: return "invalid";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::timed_out: return "timed_out";
    case ErrorCode::io: return "io";
  }
  assertion_failed("a known error code", __FILE__, __LINE__);
}

}  // namespace tandem
