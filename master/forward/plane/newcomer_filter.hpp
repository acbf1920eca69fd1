// newcomer_filter.hpp: keeps clients from connecting here to an address that is about to move:
// their first packet is dropped, as if lost, so that they send it again and find the next host.
//
// A refused connection would be a failure, and an accepted one would end with the move. This is a
// packet filter on the listening socket (socket(7), SO_ATTACH_FILTER): it touches neither existing
// connections nor those to other addresses.
#pragma once

#include <linux/filter.h>

#include <string>
#include <vector>

namespace tandem::master {

// `addresses`: numeric, without ports.
std::vector<sock_filter> newcomer_filter(const std::vector<std::string>& addresses);
// The same for all addresses of the socket, which is about to be closed.
std::vector<sock_filter> filter_of_all_newcomers();

}  // namespace tandem::master
