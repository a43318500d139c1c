import Crypto
import FoundationEssentials

/// Signs messages as Standard Webhooks says (standardwebhooks.com): `v1,` and the base64 of the HMAC-SHA256 of
/// `id.timestamp.payload`. Pure.
enum WebhookSignature {
    /// A secret as it is shown to whoever is to verify with it.
    static func shown(_ secret: [UInt8]) -> String { "whsec_" + Data(secret).base64EncodedString() }

    /// The header `webhook-signature`: one signature for each secret, separated by blanks.
    static func header(id: String, timestamp: Int64, payload: [UInt8], secrets: [[UInt8]]) -> String {
        let text = Array("\(id).\(timestamp).".utf8) + payload
        return secrets.map { secret in
            let code = HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: secret))
            return "v1," + Data(code).base64EncodedString()
        }.joined(separator: " ")
    }
}
