/// The few Linux calls Swift's Glibc module lacks. Every function returns 0 (or what it says) on success and never touches
/// errno's reader: failures come back as an errno value, negated where a success would be a number of its own.
#pragma once

#include <stdint.h>
#include <sys/resource.h>

/// The descriptor can be read, or has been closed by the peer.
static const uint32_t linux_readable = 0x001;
/// The descriptor can be written.
static const uint32_t linux_writable = 0x004;
/// The descriptor has failed or was hung up. Always reported, whether asked for or not.
static const uint32_t linux_failed = 0x018;

/// What `linux_epoll_wait` found out about one registration.
struct linux_event {
    /// A union of `linux_readable`, `linux_writable` and `linux_failed`.
    uint32_t events;
    /// The number the descriptor was registered with.
    uint64_t token;
};

/// A new close-on-exec epoll descriptor, or a negated errno.
int linux_epoll_create(void);
/// Registers `descriptor` for `events` under `token`, or changes its registration. 0 or an errno.
int linux_epoll_set(int epoll, int descriptor, uint32_t events, uint64_t token);
/// Forgets `descriptor`. 0 or an errno.
int linux_epoll_remove(int epoll, int descriptor);
/// Waits up to `milliseconds` (-1: for ever) and writes at most `capacity` (at most 64) events. Their number, or a negated
/// errno; an interruption by a signal is 0 events.
int linux_epoll_wait(int epoll, struct linux_event *events, int capacity, int milliseconds);

/// A new non-blocking, close-on-exec event counter, or a negated errno.
int linux_eventfd(void);
/// Makes an event counter readable. 0 or an errno.
int linux_eventfd_signal(int descriptor);
/// Makes an event counter unreadable again. 0 or an errno; a counter nobody signalled is no error.
int linux_eventfd_clear(int descriptor);

/// Starts a detached thread of the given name (at most 15 bytes) with every signal blocked, so that the process's signals
/// are handled elsewhere. 0 or an errno.
int linux_thread_start(const char *name, void (*body)(void *), void *argument);

/// Keeps written data of a TCP socket in the kernel until it is uncorked (or fills a segment). 0 or an errno, for instance
/// because it is not a TCP socket.
int linux_tcp_cork(int descriptor, _Bool corked);

/// Nanoseconds of the monotonic clock.
int64_t linux_monotonic_nanoseconds(void);

/// Asks the kernel to send `signal` to this process when the thread that spawned it ends. The caller checks getppid()
/// afterwards: the parent may have died before. 0 or an errno.
int linux_die_with_parent(int signal);
/// Gives up gaining privileges by exec, for this process and all it will spawn. 0 or an errno.
int linux_no_new_privileges(void);

/// Resources for `linux_set_limit`: bytes of private writable memory, of a core file, and the number of descriptors.
static const int linux_limit_data = RLIMIT_DATA;
static const int linux_limit_core = RLIMIT_CORE;
static const int linux_limit_open_files = RLIMIT_NOFILE;
/// Sets the soft and the hard limit of `resource` to `value`. 0 or an errno.
int linux_set_limit(int resource, uint64_t value);
