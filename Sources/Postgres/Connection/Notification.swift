/// A message that NOTIFY sent to a channel this connection listens to.
package struct Notification: Sendable, Hashable {
    /// The channel.
    package let channel: String
    /// The text that came with it, at most 8,000 bytes.
    package let payload: String
    /// The server process that sent it.
    package let processID: Int32
    /// How many earlier notifications of this connection had been dropped by the time this one arrived, because nobody
    /// read them.
    ///
    /// When it has risen, look at everything again.
    package var droppedSoFar = 0
}
