// process_setup.hpp: what each of our programs does before anything else.
//
// - Descriptors 0 to 2 that the caller has closed are opened on /dev/null: a socket that got one of
//   these numbers would be sent what is meant for a log.
// - SIGPIPE is ignored: a reader of a log or of a connection that goes away is a failed write, not
//   the end of the program. Programs that we start get it back (role_hooks.cpp).
// - The soft limit of descriptors is raised to the hard one: every connection is a descriptor.
// - Where address space is limited (ulimit -v) all threads share one heap: otherwise
//   glibc sets 64 MiB of it aside for each of them, and none would be left for requests.
#pragma once

namespace tandem {

// By main(), before it opens anything or starts a thread.
void set_up_process();

}  // namespace tandem
