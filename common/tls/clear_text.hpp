// clear_text.hpp: where what is said inside a cluster may go without TLS.
//
// Within one machine always. To another one only where an operator has said that the network
// between is all theirs (--insecure-network): whoever listens there reads tokens, and can take the
// place of either side. An address that is given as a name counts as another machine's, whatever it
// leads to now, unless it is localhost.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/endpoint.hpp"
#include "common/base/result.hpp"

namespace tandem::tls {

enum class ClearText { on_this_machine, everywhere };

inline bool may_be_clear(ClearText clear, const Endpoint& address) {
  return clear == ClearText::everywhere || address.is_loopback();
}

// Who is told what to do: an operator by flags, a program by the options of a library.
enum class ToldBy { flags, options };

// What to do instead, as the end of a sentence.
std::string_view way_out_of_clear_text(ToldBy told);

// `what`: the flag or option and its value, with which the sentence begins. Errors: `invalid`,
// naming `field`, when something would go there in clear text and may not.
Result<> check_clear_text(ClearText clear, const Endpoint& address, std::string_view what,
                          std::string_view field, ToldBy told = ToldBy::flags);

}  // namespace tandem::tls
