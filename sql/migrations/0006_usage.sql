-- Usage: whether it was counted or guessed.

alter table sluice.result add column usage_estimated boolean not null default false;
comment on column sluice.result.usage_estimated is
    'Whether nobody counted prompt_tokens and completion_tokens: the backend guessed, since its upstream did not say.';

-- They have more parameters or columns now.
drop function if exists sluice.finish(
    bigint, bigint[], smallint[], text[], json[], sluice.error_class[], text[], bigint[], int[], int[]);
drop function if exists sluice.list_jobs(sluice.job_state, text, int, bigint, int, text);
drop function if exists sluice.job_status(bigint[]);
drop function if exists sluice.results_of(bigint[]);
