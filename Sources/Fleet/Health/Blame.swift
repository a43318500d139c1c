package import Domain

/// Whom a failed attempt speaks against.
package enum Blame: Sendable, Hashable {
    /// The request: no deployment could have done better.
    case caller
    /// Something else on the worker's host: whoever ends a process says nothing about the deployment in it.
    case nobody
    /// The deployment's load. It lowers a weight long before it isolates.
    case overload
    /// The deployment's credentials: every further request will be refused as well.
    case credentials
    /// The deployment.
    case deployment
}

extension ErrorClass {
    /// Whom a failure of this class speaks against.
    package var blame: Blame {
        switch self {
        case .invalidRequest, .unsupported: .caller
        case .workerLost: .nobody
        case .rateLimited, .overloaded: .overload
        case .auth: .credentials
        case .retryable, .fatal, .timeout, .crash: .deployment
        }
    }
}
