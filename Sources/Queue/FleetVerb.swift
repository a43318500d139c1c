internal import Postgres

/// One change an operator may ask for: the same words as the SQL functions it calls, which check it, do it in one
/// transaction, record it in `sluice.audit`, and answer with a sentence.
package enum FleetVerb: Sendable {
    /// Takes a deployment out of the traffic; its workers stay. `force`: even when no other serves.
    case isolate(String, force: Bool)
    /// Takes a deployment out of the traffic and ends its workers when they have finished what they hold.
    case drain(String, force: Bool)
    /// Gives a deployment that was isolated or drained, or whose breaker is open, its part of the traffic back: at once, or
    /// `byRamp` in the judged steps of the controller.
    case restore(String, byRamp: Bool)
    /// A deployment claims nothing, and the jobs of its part wait.
    case pause(String)
    case resume(String)
    /// Gives the traffic of `old` to `new`. `force`: even while `new` has no running worker.
    case swap(old: String, new: String, force: Bool)
    /// How many workers a deployment should have, 0 to 1,000.
    case scale(String, workers: Int32)
    /// By which rule a deployment's number of workers follows its work: UTF-8 JSON, an object of what
    /// `sluice.set_scaling` knows; and how many jobs a worker runs at a time, 1 to 4,096 (nil: as it is).
    case scaleBy(String, slots: Int32?, rule: [UInt8])
    /// Takes a host out: others get its slots, its workers finish what they hold.
    case drainHost(String)
    /// Lets a host that was drained claim slots again.
    case restoreHost(String)
    /// Weights of a model's deployments: UTF-8 JSON, an object of whole numbers from 0 to 10,000 by name.
    case setWeights(model: String, weights: [UInt8])
    /// How a model's traffic is divided: a word of `sluice.routing_strategy`.
    case setStrategy(model: String, strategy: String)
    /// Which tier a deployment is in, 0 to 100.
    case setTier(String, tier: Int32)
    /// Lets a deployment take the place of another of its model (nil: of the one that serves) in judged steps, with waits
    /// for an operator at the percentages `gates`.
    case rollout(String, over: String?, gates: [Int32])
    /// Gives the new version of a model's rollout everything.
    case promote(model: String)
    /// Takes the new version of a model's rollout out.
    case rollback(model: String)
    /// A model's rollout takes no further step.
    case pauseRollout(model: String)
    case resumeRollout(model: String)
    /// When deployments of a model are isolated and how they come back: UTF-8 JSON, an object of what
    /// `sluice.set_policy` knows.
    case setPolicy(model: String, policy: [UInt8])
    /// What a deployment may be asked for at most: UTF-8 JSON, an object of what `sluice.set_deployment_limits` knows.
    case setDeploymentLimits(String, limits: [UInt8])
    /// Which models answer in place of one that cannot, at most 4; none for an empty list.
    case setFallbacks(model: String, [String])
    /// Splits a model between arms from now on.
    case startExperiment(ExperimentRequest)
    /// Ends an experiment; what it has shown stays.
    case stopExperiment(String)
    /// Queues failed and quarantined jobs again, the oldest first; of all models for nil.
    case retryDead(model: String?, atMost: Int32)
    /// Cancels jobs that match everything given, the oldest first; at least one thing has to be given.
    case cancelWhere(JobSelection)

    /// An experiment to start: what `sluice.start_experiment` takes.
    package struct ExperimentRequest: Sendable {
        package var name: String
        package var model: String
        /// A list of objects, UTF-8 JSON.
        package var arms: [UInt8]
        /// `job` or `tenant`: what is drawn for where a job has no affinity key.
        package var unit = "job"
        /// An object, UTF-8 JSON.
        package var plan = Array("{}".utf8)
        /// Nil: the name.
        package var salt: String?

        package init(_ name: String, model: String, arms: [UInt8]) {
            (self.name, self.model, self.arms) = (name, model, arms)
        }
    }

    /// Which jobs `cancelWhere` means.
    package struct JobSelection: Sendable {
        package var model: String?
        package var tenant: String?
        package var batch: Int32?
        /// Accepted longer ago than this many seconds.
        package var olderThanSeconds: Int32?
        package var includesRunning = false
        /// 1 to 100,000.
        package var atMost: Int32 = 1_000

        package init() {}
    }
}

extension Queue {
    private static let actorStatement = Statement(
        "set_actor", "select set_config('sluice.actor', $1::text, false)")

    /// Says for this session who asks, for `sluice.audit`. Needs a connection of its own.
    package func actAs(_ actor: String) async throws(QueueError) {
        _ = try await call(Self.actorStatement) { $0.append(actor) }
    }

    /// Does what `verb` says and returns what was done, as a sentence. Doing it twice is no error.
    ///
    /// - Throws: `unknownDeployment`, `unknownModel`, `unknownTenant`, `invalidArgument`; `nobodyServes` where force is
    ///   needed; `unavailable`.
    package func perform(_ verb: FleetVerb, why: String?) async throws(QueueError) -> String {
        let rows = try await call(verb.statement) {
            verb.bind(&$0)
            $0.append(why)
        }
        return try first(of: rows) { row throws(PostgresError) in try row.decode(0) }
    }
}

extension FleetVerb {
    fileprivate var statement: Statement {
        switch self {
        case .isolate: Statement("isolate", "select sluice.isolate($1::text, force => $2::boolean, why => $3::text)")
        case .drain: Statement("drain", "select sluice.drain($1::text, force => $2::boolean, why => $3::text)")
        case .restore: Statement("restore", "select sluice.restore($1::text, ramp => $2::boolean, why => $3::text)")
        case .pause: Statement("pause", "select sluice.pause($1::text, why => $2::text)")
        case .resume: Statement("resume", "select sluice.resume($1::text, why => $2::text)")
        case .swap: Statement("swap", "select sluice.swap($1::text, $2::text, force => $3::boolean, why => $4::text)")
        case .scale: Statement("scale", "select sluice.scale($1::text, $2::int, why => $3::text)")
        case .scaleBy:
            Statement(
                "scale_by", "select sluice.scale($1::text, slots => $2::int, rule => $3::json::jsonb, why => $4::text)")
        case .drainHost: Statement("drain_host", "select sluice.drain_host($1::text, why => $2::text)")
        case .restoreHost: Statement("restore_host", "select sluice.restore_host($1::text, why => $2::text)")
        case .setWeights:
            Statement("set_weights", "select sluice.set_weights($1::text, $2::json::jsonb, why => $3::text)")
        case .setStrategy:
            Statement(
                "set_strategy",
                "select sluice.set_strategy($1::text, $2::text::sluice.routing_strategy, why => $3::text)")
        case .setTier: Statement("set_tier", "select sluice.set_tier($1::text, $2::int, why => $3::text)")
        case .rollout:
            Statement(
                "rollout", "select sluice.rollout($1::text, over => $2::text, gates => $3::int[], why => $4::text)")
        case .promote: Statement("promote", "select sluice.promote($1::text, why => $2::text)")
        case .rollback: Statement("rollback", "select sluice.rollback($1::text, why => $2::text)")
        case .pauseRollout: Statement("pause_rollout", "select sluice.pause_rollout($1::text, why => $2::text)")
        case .resumeRollout: Statement("resume_rollout", "select sluice.resume_rollout($1::text, why => $2::text)")
        case .setPolicy:
            Statement("set_policy", "select sluice.set_policy($1::text, $2::json::jsonb, why => $3::text)")
        case .setDeploymentLimits:
            Statement(
                "set_deployment_limits",
                "select sluice.set_deployment_limits($1::text, $2::json::jsonb, why => $3::text)")
        case .setFallbacks:
            Statement("set_fallbacks", "select sluice.set_fallbacks($1::text, $2::text[], why => $3::text)")
        case .startExperiment:
            Statement(
                "start_experiment",
                """
                select sluice.start_experiment($1::text, $2::text, $3::json::jsonb, $4::text::sluice.experiment_unit,
                    $5::json::jsonb, $6::text, why => $7::text)
                """)
        case .stopExperiment: Statement("stop_experiment", "select sluice.stop_experiment($1::text, why => $2::text)")
        case .retryDead: Statement("retry_dead", "select sluice.retry_dead($1::text, $2::int, why => $3::text)")
        case .cancelWhere:
            Statement(
                "cancel_where",
                """
                select sluice.cancel_where(model => $1::text, tenant => $2::text, batch => $3::int,
                    older_than => $4::int * interval '1 second', including_running => $5::boolean, at_most => $6::int,
                    why => $7::text)
                """)
        }
    }

    fileprivate func bind(_ parameters: inout Parameters) {
        switch self {
        case .isolate(let name, let flag), .drain(let name, let flag), .restore(let name, let flag):
            parameters.append(name)
            parameters.append(flag)
        case .pause(let name), .resume(let name), .promote(let name), .rollback(let name), .pauseRollout(let name),
            .resumeRollout(let name), .drainHost(let name), .restoreHost(let name),
            .stopExperiment(let name):
            parameters.append(name)
        case .rollout(let name, let baseline, let gates):
            parameters.append(name)
            parameters.append(baseline)
            parameters.append(gates)
        case .swap(let old, let new, let force):
            parameters.append(old)
            parameters.append(new)
            parameters.append(force)
        case .scale(let name, let number), .setTier(let name, let number):
            parameters.append(name)
            parameters.append(number)
        case .scaleBy(let name, let slots, let rule):
            parameters.append(name)
            parameters.append(slots)
            parameters.append(JSONText(rule))
        case .setWeights(let name, let json), .setPolicy(let name, let json), .setDeploymentLimits(let name, let json):
            parameters.append(name)
            parameters.append(JSONText(json))
        case .setStrategy(let model, let strategy):
            parameters.append(model)
            parameters.append(strategy)
        case .setFallbacks(let model, let others):
            parameters.append(model)
            parameters.append(others)
        case .startExperiment(let request):
            parameters.append(request.name)
            parameters.append(request.model)
            parameters.append(JSONText(request.arms))
            parameters.append(request.unit)
            parameters.append(JSONText(request.plan))
            parameters.append(request.salt)
        case .retryDead(let model, let atMost):
            parameters.append(model)
            parameters.append(atMost)
        case .cancelWhere(let selection):
            parameters.append(selection.model)
            parameters.append(selection.tenant)
            parameters.append(selection.batch)
            parameters.append(selection.olderThanSeconds)
            parameters.append(selection.includesRunning)
            parameters.append(selection.atMost)
        }
    }
}
