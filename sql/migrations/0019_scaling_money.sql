-- A budget of scaling in money: what a worker costs in an hour, and what the workers of an hour may cost.

alter table sluice.scaling
    add column price_per_hour double precision check (price_per_hour > 0 and price_per_hour <= 1e9),
    add column money_per_hour double precision check (money_per_hour > 0 and money_per_hour <= 1e9),
    add check (money_per_hour is null or price_per_hour is not null);
comment on column sluice.scaling.price_per_hour is 'What a worker costs in an hour, in whatever currency; null: nobody said.';
comment on column sluice.scaling.money_per_hour is
    'The most that the workers of an hour may cost, in the currency of price_per_hour; null: unbounded. The tighter of this and budget holds.';
