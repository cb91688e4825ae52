SELECT
  "t1"."by0" AS "by0",
  CASE
    WHEN (
      "t1"."c" > 0.0
    ) AND (
      "t1"."c" <= 1.0
    )
    THEN CAST(CAST(FLOOR("t1"."c" * 25200.000000025204) AS Nullable(Int64)) AS Nullable(Int32))
    WHEN "t1"."c" = 0.0
    THEN 25201
    WHEN isNull("t1"."c")
    OR (
      "t1"."c" <> "t1"."c"
    )
    OR (
      "t1"."c" > 1.7976931348623157e+308
    )
    OR (
      "t1"."c" < -1.7976931348623157E+308
    )
    THEN 25202
    WHEN "t1"."c" < 0.0
    THEN 25203
    ELSE 25204
  END + CASE WHEN isNull("t1"."g") THEN 100000 ELSE 0 END + CASE WHEN isNull("t1"."w") THEN 400000 ELSE 0 END AS "code",
  COUNT(*) AS "n",
  SUM("t1"."w" * "t1"."c") AS "wc",
  SUM("t1"."w" * "t1"."g") AS "wg",
  SUM("t1"."w" * "t1"."g" * "t1"."g") AS "wg2",
  SUM("t1"."w" * "t1"."w") AS "w2",
  SUM("t1"."w") AS "w",
  SUM("t1"."w" * "t1"."w" * "t1"."g") AS "w2g",
  SUM("t1"."w" * "t1"."w" * "t1"."g" * "t1"."g") AS "w2g2",
  SUM("t1"."w" * "t1"."w" * "t1"."w" * "t1"."w") AS "w4"
FROM (
  SELECT
    "t0"."grp" AS "by0",
    "t0"."score" AS "c",
    CAST(CAST("t0"."right" AS Nullable(Int32)) AS Nullable(Float64)) AS "g",
    CASE
      WHEN (
        "t0"."w" >= 1e-06
      ) AND (
        "t0"."w" <= 1000000.0
      )
      THEN "t0"."w"
      ELSE CAST(NULL AS Nullable(Float64))
    END AS "w"
  FROM "log" AS "t0"
) AS "t1"
GROUP BY
  "t1"."by0",
  CASE
    WHEN (
      "t1"."c" > 0.0
    ) AND (
      "t1"."c" <= 1.0
    )
    THEN CAST(CAST(FLOOR("t1"."c" * 25200.000000025204) AS Nullable(Int64)) AS Nullable(Int32))
    WHEN "t1"."c" = 0.0
    THEN 25201
    WHEN isNull("t1"."c")
    OR (
      "t1"."c" <> "t1"."c"
    )
    OR (
      "t1"."c" > 1.7976931348623157e+308
    )
    OR (
      "t1"."c" < -1.7976931348623157E+308
    )
    THEN 25202
    WHEN "t1"."c" < 0.0
    THEN 25203
    ELSE 25204
  END + CASE WHEN isNull("t1"."g") THEN 100000 ELSE 0 END + CASE WHEN isNull("t1"."w") THEN 400000 ELSE 0 END
