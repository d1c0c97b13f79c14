-- Questions people ask first.

CREATE OR REPLACE VIEW hottest AS
SELECT * FROM gpu_now WHERE margin_c IS NOT NULL ORDER BY margin_c ASC;

-- 0xE0: held down by temperature (software, hardware) or by the power brake.
CREATE OR REPLACE VIEW throttling_now AS
SELECT * FROM gpu_now WHERE bitAnd(clock_event_reasons, 0xE0) != 0;

CREATE OR REPLACE VIEW incidents_now AS
SELECT * FROM incidents ORDER BY id, step DESC LIMIT 1 BY id;
