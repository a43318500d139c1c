import Glibc

/// How a worker tells its parent that its backend is loaded and jobs can come: a line feed on what was its standard output,
/// which then ends. (The protocol of s6: https://skarnet.org/software/s6/notifywhenup.html)
///
/// Whatever a backend prints from now on goes to standard error, so that nothing but the worker can say it.
package struct Readiness: Sendable {
    private let descriptor: Int32

    /// Takes standard output for this. To be called once, before a backend is loaded.
    ///
    /// Where the system refuses that, nothing is ever said, and the parent does not count on this worker.
    package init() {
        descriptor = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        _ = dup2(STDERR_FILENO, STDOUT_FILENO)
    }

    /// Says it. To be called once.
    package func announce() {
        var line = UInt8(ascii: "\n")
        // A parent that is gone is noticed by the lifeline.
        while write(descriptor, &line, 1) < 0 && errno == EINTR {}
        close(descriptor)
    }
}
