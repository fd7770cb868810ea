"""The effect of a pilot by difference-in-differences, and what speaks against believing it.

Estimand: the mean effect on the treated units (each counts with its weight) over their days
under the new policy. Two outcomes:

- stockout, in percentage points: 100 x the daily stock-out flag or share;
- turnover, in days: mean inventory / mean sales of a unit over a window, before or after the
  start, as `metrics` defines it for any window, at most `cap` days. Its daily value is
  inventory / mean sales of that unit in that window, so its window mean is that ratio.

Every wave (units with one start day) is compared with the units never treated over the same
days: y = unit x wave + time x wave + effect_wave x treated x after. The waves' effects are
then averaged by the weight of their units. With one wave this is two-way fixed effects; with
several, already treated units never serve as controls, which is what biases the pooled
two-way regression (Goodman-Bacon 2021; Sun & Abraham 2021, interaction-weighted estimator).
Errors are robust to clusters (CR1, factor G / (G - 1)). Intervals use Student's t with the
degrees of freedom of Welch and Satterthwaite: few treated clusters beside many controls count as few.
Days are first averaged to bins that start at the wave's start day; on balanced panels this
changes neither the estimate nor its error.
"""
