/// What a fleet is to be, or is: its models and their deployments, in an order that means nothing.
///
/// What is nil is not said: it stays as it is, and has its default where something is new.
package struct FleetDeclaration: Sendable, Hashable {
    /// A public name that clients ask for.
    package struct Model: Sendable, Hashable {
        package var name: String
        /// Where it stands in the file, from 1; 0 when it comes from SQL.
        package var line = 0
        /// How often a job may fail before it is given up: 1 to 100.
        package var maximumAttempts: Int32?
        /// Milliseconds an attempt may take: 1 to 86,400,000.
        package var attemptTimeout: Int32?
        /// Milliseconds of the first pause after a failure: 1 to 3,600,000.
        package var retryBase: Int32?
        /// Milliseconds of the longest pause: at least `retryBase`, at most 86,400,000.
        package var retryCap: Int32?
        /// The word of a `ShareStrategy`.
        package var strategy: String?
        /// What `sluice.set_policy` takes: JSON values by name, as PostgreSQL prints them.
        package var policy: [String: String] = [:]
        /// The models that answer in its place, the first choice first; nil: as it is.
        package var fallbacks: [String]?
        /// What `sluice.set_guard` takes: JSON values by name, as PostgreSQL prints them.
        package var inputGuard: [String: String] = [:]
        /// How many jobs of each tenant may wait for it before gateways take no more; nil: as it is.
        package var waiting: Bound?
        package var deployments: [Deployment] = []

        /// A number, or that there is to be none.
        package enum Bound: Sendable, Hashable {
            case none
            case most(Int32)
        }

        package init(_ name: String) { self.name = name }
    }

    /// A version of a model on one backend with one configuration.
    package struct Deployment: Sendable, Hashable {
        package var name: String
        /// Where it stands in the file, from 1; 0 when it comes from SQL.
        package var line = 0
        package var backend: String?
        /// A JSON object.
        package var configuration: String?
        /// How many workers there are to be: 0 to 1,000.
        package var workers: Int32?
        /// Requests a worker runs at a time: 1 to 4,096.
        package var slots: Int32?
        package var version: String?
        /// Its part, compared with the others' of the model: 0 to 10,000.
        package var weight: Int32?
        /// 0 to 100; the lowest that serves has all the traffic under the strategy `priority`.
        package var tier: Int32?
        /// What `sluice.set_scaling` takes: JSON values by name, as PostgreSQL prints them.
        package var scaling: [String: String] = [:]
        /// What `sluice.set_deployment_limits` takes: JSON values by name, as PostgreSQL prints them.
        package var limits: [String: String] = [:]

        package init(_ name: String) { self.name = name }
    }

    /// Arms of a model side by side. It begins when it is declared, and cannot be changed.
    package struct Experiment: Sendable, Hashable {
        package var name: String
        /// Where it stands in the file, from 1; 0 when it comes from SQL.
        package var line = 0
        package var model: String?
        /// `job` or `tenant`.
        package var unit: String?
        package var salt: String?
        /// A JSON object.
        package var plan: String?
        /// A JSON list of objects.
        package var arms: String?
        /// `running` or `stopped`; nil: running.
        package var state: String?

        package init(_ name: String) { self.name = name }
    }

    package var models: [Model]
    package var experiments: [Experiment]

    package init(models: [Model] = [], experiments: [Experiment] = []) {
        (self.models, self.experiments) = (models, experiments)
    }
}
