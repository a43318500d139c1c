-- A look tells running jobs that may not scale apart, and the next controller is told which hosts a deployment may have and
-- what its number came from. Functions are replaced after the migrations; what returns something else now is dropped first.

drop function if exists sluice.scaled_deployments();
drop function if exists sluice.scaling_look(bigint, bigint, bigint);
