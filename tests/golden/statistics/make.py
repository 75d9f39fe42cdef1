"""Golden values for core/statistics, from SciPy 1.17 and statsmodels 0.15 (NumPy for percentiles).

Beside the recipe's requirements it needs: pip install --no-deps statsmodels pandas patsy packaging python-dateutil six.
Tolerance in the tests: 1e-9 absolute (they are the same closed forms in double precision).
"""
import json
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(20251119)
out = {}
out["wilson"] = []
for n in (1, 10, 64, 240, 1000):
    for x in sorted({0, 1, n // 20, n // 2, n - 1, n}):
        low, high = proportion_confint(x, n, method="wilson")
        check = stats.binomtest(x, n).proportion_ci(method="wilson")
        assert abs(low - check.low) < 1e-12 and abs(high - check.high) < 1e-12
        out["wilson"].append([x, n, low, high])
out["mcnemar"] = []
for b, c in ((0, 0), (1, 0), (5, 0), (6, 0), (3, 9), (10, 2), (40, 41), (200, 120), (1000, 900)):
    p = mcnemar([[50, b], [c, 7]], exact=True).pvalue if b + c else 1.0
    out["mcnemar"].append([b, c, float(p)])
out["kappa"] = []
for table in ([[20, 5], [10, 15]], [[45, 15], [25, 15]], [[1, 0], [0, 99]], [[0, 10], [10, 0]], [[3, 2], [1, 994]]):
    out["kappa"].append([*np.ravel(table).tolist(), float(cohens_kappa(np.array(table, float)).kappa)])
out["normalQuantile"] = [[p, float(stats.norm.ppf(p))] for p in (1e-9, 1e-4, 0.025, 0.2, 0.5, 0.8, 0.975, 0.999999)]
out["normalCdf"] = [[x, float(stats.norm.cdf(x))] for x in (-12.0, -5.5, -4.0, -1.96, -0.1, 0.0, 0.7, 3.999, 6.0)]
out["student95"] = [[n, float(stats.t.ppf(0.975, n))] for n in (2, 3, 6, 14, 62, 1000)]
out["logGamma"] = [[x, float(np.vectorize(__import__("math").lgamma)(x))] for x in (0.3, 1.5, 7.0, 64.5, 1001.0, 1e6)]
out["binomialCdf"] = [[k, n, p, float(stats.binom.cdf(k, n, p))]
                      for k, n, p in ((0, 10, 0.1), (3, 64, 0.05), (32, 64, 0.5), (63, 64, 0.99), (480, 1000, 0.5), (5, 1000, 0.02))]
values = np.round(rng.normal(size=41), 6)
out["percentiles"] = {"values": values.tolist(), "q": [[q, float(np.quantile(values, q))] for q in (0.0, 0.025, 0.3, 0.5, 0.975, 1.0)]}


# Bootstrap of a stratified paired sample: SciPy's own percentile interval of the same statistic with many resamples.
flags = np.stack([rng.random(160) < 0.2, rng.random(160) < 0.35], axis=1).astype(int)
strata = np.repeat([0, 1], [100, 60])
cosines = np.round(rng.normal(0.25, 0.05, size=160), 6)
def stratified(column):
    """Exact moments of the stratified bootstrap mean."""
    n = len(column)
    variance = sum(column[strata == s].var() * (strata == s).sum() for s in (0, 1)) / n**2
    return float(column.mean()), float(np.sqrt(variance))
out["bootstrap"] = {
    "before": flags[:, 0].tolist(), "after": flags[:, 1].tolist(), "strata": strata.tolist(), "cosines": cosines.tolist(),
    "driftMoments": stratified((flags[:, 1] - flags[:, 0]).astype(float)),
    "cosineMoments": stratified(cosines),
    "cosineInterval": [float(v) for v in stats.bootstrap((cosines,), np.mean, n_resamples=100_000, method="percentile",
                                                          rng=np.random.default_rng(1)).confidence_interval],
}

# Exact power of the exact McNemar test by brute force over the trinomial.
def power(n, delta, psi, alpha=0.05):
    total = 0.0
    for d in range(n + 1):
        reject = [b for b in range(d + 1) if stats.binomtest(b, d, 0.5).pvalue <= alpha] if d else []
        total += stats.binom.pmf(d, n, psi) * sum(stats.binom.pmf(b, d, (psi + delta) / (2 * psi)) for b in reject)
    return float(total)
out["mcnemarPower"] = [[n, delta, psi, power(n, delta, psi)] for n, delta, psi in ((30, 0.2, 0.3), (64, 0.1, 0.12), (64, 0.0, 0.2), (100, 0.15, 0.25))]

Path(__file__).with_name("statistics.json").write_text(json.dumps(out, indent=1) + "\n")
