// client_error.hpp: why a blocking HTTP request got no answer, in words.
#pragma once

#include <string>

#include <httplib.h>

namespace tandem {

inline std::string in_words(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection: return "no connection";
    case httplib::Error::ConnectionTimeout: return "no connection in time";
    case httplib::Error::Read: return "no answer";
    case httplib::Error::Canceled: return "the answer is too long";
    default: return httplib::to_string(error);
  }
}

}  // namespace tandem
