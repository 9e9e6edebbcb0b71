-- A shop as it is after years: rows `scale.first` to `scale.last` of every table that traffic fills.
--
-- The id of a table's n-th row is made of n alone, in the order of time, so that rows find each
-- other without a look: the n-th order has the n-th line, payment and delivery. The cast, whom the
-- measured pages are read by, are the first users: 1 has bought OWN_ORDERS times, 2 has begun as
-- many orders and paid none, 1000 makes a third of all sales. Product 5 has a fifth as many free
-- units as there are products, and half as many sold ones.

DROP SCHEMA IF EXISTS scale CASCADE;
CREATE SCHEMA scale;
SET LOCAL search_path = scale, public;

CREATE FUNCTION numbers() RETURNS SETOF bigint STABLE LANGUAGE sql AS $$
    SELECT generate_series(
        current_setting('scale.first')::bigint, current_setting('scale.last')::bigint)
$$;
-- Of what is not looked for by what people type, a tenth is enough to tell.
CREATE FUNCTION tenths() RETURNS SETOF bigint STABLE LANGUAGE sql AS $$
    SELECT n FROM numbers() n WHERE n % 10 = 0
$$;
CREATE FUNCTION at(n bigint) RETURNS timestamptz IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN '2025-01-01T00:00:00Z'::timestamptz + n * interval '20 seconds';
CREATE FUNCTION id_at(seconds bigint, room int, n bigint) RETURNS uuid
IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN (lpad(to_hex(seconds * 1000), 12, '0') || '7' || lpad(to_hex(room), 3, '0')
    || '8' || lpad(to_hex(n), 15, '0'))::uuid;
CREATE FUNCTION nth(room int, n bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN id_at(1735689600 + n * 20, room, n);
-- Of tables whose rows go after some days: none is due before the year 2100.
CREATE FUNCTION kept(room int, n bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN id_at(4102444800 + n * 20, room, n);
-- A number from 0 to below `most` that has nothing to do with n.
CREATE FUNCTION any_below(n bigint, most bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE
LANGUAGE sql RETURN (hashint8extended(n, 0) & 1073741823) % greatest(most, 1);

-- Each thousandth user sells.
CREATE FUNCTION seller_of(product bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE
LANGUAGE sql RETURN CASE WHEN product % 10 < 3 THEN 1000
    ELSE 1000 * (1 + any_below(product, product / 1000)) END;
CREATE FUNCTION is_text(product bigint) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN product % 7 = 3;
CREATE FUNCTION buyer_of(n bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN n <= 2000 THEN 1 WHEN n <= 4000 THEN 2
    ELSE any_below(n, n / 1000) * 1000 + 3 + n % 997 END;
CREATE FUNCTION product_of(n bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN 1 + any_below(n + 17, n);
CREATE FUNCTION state_of(n bigint) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN n <= 2000 THEN 'delivered' WHEN n <= 4000 THEN 'expired'
    WHEN n % 5000 = 7 THEN 'open' WHEN n % 5000 = 8 THEN 'approved' WHEN n % 20000 = 9 THEN 'paid'
    WHEN n % 20 = 0 THEN 'expired' WHEN n % 20 = 1 THEN 'cancelled' ELSE 'delivered' END;
CREATE FUNCTION is_sold(n bigint) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN state_of(n) IN ('paid', 'delivered');
-- Of fifty shares one is still held.
CREATE FUNCTION is_released(n bigint) RETURNS boolean IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN is_sold(n) AND n % 50 <> 5;
CREATE FUNCTION account(room int, line bigint) RETURNS uuid IMMUTABLE PARALLEL SAFE
LANGUAGE sql RETURN nth(room, seller_of(product_of(line)));
-- Words as texts have them: the most frequent one stands in many, most of the 50,000 in few.
CREATE FUNCTION some_word(n bigint) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN translate(
    to_hex(hashint8extended(exp(any_below(n, 1000000) * ln(50000.0) / 1000000)::bigint, 0)
        & 4294967295),
    '0123456789', 'ghijklmnop');

-- Words that stand in every title, in every fourth, fifth, tenth … ten-thousandth, and in old ones
-- alone; of those that were ever bought some have none of the rarer ones.
CREATE FUNCTION title_of(n bigint) RETURNS text STABLE PARALLEL SAFE LANGUAGE sql
RETURN (ARRAY['Game', 'Licence', 'Course', 'Font'])[1 + n % 4]
    || (ARRAY[' deluxe', ' standard', ' classic', ' for studios', ' to begin with'])[1 + n % 5]
    || CASE WHEN n % 10 = 6 THEN ' limited' ELSE '' END
    || CASE WHEN n % 100 = 44 THEN ' collector' ELSE '' END
    || CASE WHEN any_below(n, 50) = 7 THEN ' seasonal' ELSE '' END
    || CASE WHEN any_below(n, 1000) = 7 THEN ' heirloom' ELSE '' END
    || CASE WHEN n % 10000 = 4445 THEN ' unicum' ELSE '' END
    || CASE WHEN n < current_setting('scale.first')::bigint
            + current_setting('scale.last')::bigint / 20 THEN ' vintage' ELSE '' END
    || ' edition ' || some_word(n) || ' no. ' || n;

INSERT INTO users (id, email, password_hash, display_name, locale, session_epoch, roles,
    paypal_email, name_letters, name_looks, confirmed_at, created_at, banned_at)
SELECT nth(1, n), 'user' || n || '@example.com', 'x', 'Reader ' || n, 'en', 1,
    CASE WHEN n % 1000 = 0 THEN '{seller}'::text[] ELSE '{}' END, 'paid' || n || '@example.com',
    'letters' || n, 'looks' || n, at(n), at(n), CASE WHEN n % 5000 = 3000 THEN at(n) END
FROM numbers() n;
INSERT INTO login_session (id, user_id, secret_hash, epoch, agent)
SELECT kept(1, n), nth(1, n), sha256(('session' || n)::bytea), 1, '' FROM tenths() n;
INSERT INTO known_network (user_id, network) SELECT nth(1, n), '10.0.0.0/24' FROM tenths() n;
INSERT INTO mail_token (secret_hash, user_id, purpose, expires_at)
SELECT sha256(('mail' || n)::bytea), nth(1, n), 'confirm', now() + interval '1 day'
FROM tenths() n;
INSERT INTO token_family (id, user_id, epoch, scope, agent)
SELECT kept(2, n), nth(1, n), 1, 'buyer', '' FROM tenths() n;
INSERT INTO refresh_token (secret_hash, family_id, expires_at)
SELECT sha256(('refresh' || n)::bytea), kept(2, n), now() + interval '30 days' FROM tenths() n;
INSERT INTO api_key (id, user_id, name, prefix, secret_hash, scopes)
SELECT nth(2, n), nth(1, n), 'key', 'key', sha256(('key' || n)::bytea), '{}' FROM tenths() n;
INSERT INTO stored_answer (id, owner_id, key, fingerprint, status)
SELECT kept(3, n), nth(1, n), 'key', '\x00', 200 FROM tenths() n;
INSERT INTO outbox (id, listener, payload, attempts, done_at)
SELECT kept(4, n), 'orders.deliver', '{}', 1, now() FROM tenths() n;
INSERT INTO inbound_event (id, event_id, event_type, body)
SELECT kept(5, n), 'WH-' || n, 'PAYMENT.CAPTURE.COMPLETED', '{}' FROM tenths() n;

INSERT INTO photo (id, owner_id, width, height)
SELECT nth(20, n), nth(1, seller_of(n)), 800, 600 FROM tenths() n;
INSERT INTO shared_content (id, product_id, sealed, key_version)
SELECT nth(4, n), nth(3, n), '\x00', 1 FROM numbers() n WHERE is_text(n);
INSERT INTO product (id, seller_id, category_id, kind, shared, title, description, price_minor,
    currency, photo_id, content_id, state, sold_count, version, created_at, published_at)
SELECT nth(3, n), nth(1, seller_of(n)), shelves.ids[1 + any_below(n, cardinality(shelves.ids))],
    CASE WHEN is_text(n) THEN 'text' ELSE 'key' END, is_text(n), title_of(n),
    'A thing to try with ' || some_word(-n) || ' and ' || some_word(-1 - n)
        || CASE WHEN n % 100 = 77 THEN ' as a gift' ELSE '' END,
    100 + any_below(n, 90000), 'EUR',
    CASE WHEN n % 10 = 0 THEN nth(20, n) END,
    CASE WHEN is_text(n) THEN nth(4, n) END,
    CASE n % 100 WHEN 1 THEN 'hidden' WHEN 2 THEN 'draft' WHEN 3 THEN 'removed'
        ELSE 'published' END,
    CASE WHEN n % 10 = 0 THEN any_below(n, 500) ELSE 0 END, 1, at(n), at(n)
FROM numbers() n,
    (SELECT array_agg(id ORDER BY id) AS ids FROM category WHERE parent_id IS NOT NULL) shelves;
INSERT INTO title_word (word)
SELECT DISTINCT word FROM numbers() n, LATERAL (VALUES (n::text), (some_word(n))) AS v (word)
UNION SELECT regexp_split_to_table('game licence course font deluxe standard classic for studios to '
    'begin with limited collector seasonal heirloom unicum vintage edition no', ' ')
ON CONFLICT DO NOTHING;
INSERT INTO stock_batch (id, product_id, source, taken)
SELECT nth(6, n), nth(3, n), '', 1 FROM numbers() n WHERE NOT is_text(n);
INSERT INTO stock_item (id, product_id, batch_id, sealed, key_version, fingerprint, state)
SELECT nth(7, n), nth(3, n), nth(6, n), '\x00'::bytea, 1, sha256(('free' || n)::bytea), 'free'
FROM numbers() n WHERE NOT is_text(n)
UNION ALL
SELECT nth(8, n), nth(3, 5), nth(6, 5), '\x00'::bytea, 1, sha256(('more' || n)::bytea), 'free'
FROM numbers() n WHERE n % 5 = 0;
INSERT INTO stock_item
    (id, product_id, batch_id, sealed, key_version, fingerprint, state, holder, sold_at)
SELECT nth(9, n), nth(3, product_of(n)), nth(6, product_of(n)), '\x00'::bytea, 1,
    sha256(('sold' || n)::bytea), 'sold', nth(11, n), at(n)
FROM numbers() n WHERE is_sold(n) AND NOT is_text(product_of(n))
UNION ALL
SELECT nth(21, n), nth(3, 5), nth(6, 5), '\x00'::bytea, 1, sha256(('gone' || n)::bytea), 'sold',
    nth(22, n), at(n)
FROM numbers() n WHERE n % 10 = 0;

INSERT INTO basket (id, user_id, checkout_key) SELECT nth(19, n), nth(1, n), nth(19, n)
FROM tenths() n;
INSERT INTO basket_line (basket_id, product_id, quantity, seen_price_minor)
SELECT nth(19, n), nth(3, n), 1, 100 FROM tenths() n;
INSERT INTO orders (id, buyer_id, checkout_key, state, total_minor, currency, address, created_at,
    expires_at, paid_at, delivered_at, delivery_tries, next_delivery_at, evidence_count)
SELECT nth(10, n), nth(1, buyer_of(n)), nth(10, n), state_of(n), 1000, 'EUR',
    '10.0.0.0'::inet + any_below(n, 1000000), at(n),
    CASE WHEN state_of(n) IN ('open', 'approved') THEN now() + interval '1 hour' ELSE at(n) END,
    CASE WHEN is_sold(n) THEN at(n) END, CASE WHEN state_of(n) = 'delivered' THEN at(n) END,
    CASE WHEN state_of(n) = 'paid' THEN 9 ELSE 0 END,
    CASE WHEN state_of(n) = 'paid' THEN now() + interval '1 hour' END,
    CASE WHEN state_of(n) = 'delivered' THEN 1 ELSE 0 END
FROM numbers() n;
INSERT INTO order_line (id, order_id, position, product_id, buyer_id, seller_id, seller_name, kind,
    shared, title, description, content_id, quantity, unit_price_minor, commission_minor)
SELECT nth(11, n), nth(10, n), 0, nth(3, product), nth(1, buyer_of(n)), nth(1, seller_of(product)),
    'Somebody', CASE WHEN is_text(product) THEN 'text' ELSE 'key' END, is_text(product),
    'Game no. ' || product, 'd', CASE WHEN is_text(product) THEN nth(4, product) END,
    CASE WHEN state_of(n) = 'paid' THEN 100 ELSE 1 END, 1000, 100
FROM numbers() n, product_of(n) product;
INSERT INTO delivery (id, order_id, line_id, position, unit_id, content_id)
SELECT nth(12, n), nth(10, n), nth(11, n), 0, CASE WHEN NOT is_text(product) THEN nth(9, n) END,
    CASE WHEN is_text(product) THEN nth(4, product) END
FROM numbers() n, product_of(n) product WHERE state_of(n) = 'delivered';
INSERT INTO delivery_record (order_id, sequence, delivery_id, act, agent, at, previous_hash, hash)
SELECT nth(10, n), 1, nth(12, n), 'assigned', '', at(n), '\x00', '\x00'
FROM numbers() n WHERE state_of(n) = 'delivered';
-- Two of three deliveries are reviewed; each tenth of these as if it were of product 5.
INSERT INTO review (id, line_id, order_id, product_id, seller_id, author_id, stars, text,
    helpful_count, written_at, hidden_at, hidden_by, hidden_reason)
SELECT nth(23, n), nth(11, n), nth(10, n), nth(3, CASE WHEN n % 10 = 3 THEN 5 ELSE product END),
    nth(1, seller_of(product)), nth(1, buyer_of(n)), 1 + any_below(n, 5), 'Works well.',
    any_below(n, 100), at(n), CASE WHEN n % 5000 = 3 THEN at(n) END,
    CASE WHEN n % 5000 = 3 THEN nth(1, 1) END, CASE WHEN n % 5000 = 3 THEN 'Insults' END
FROM numbers() n, product_of(n) product WHERE state_of(n) = 'delivered' AND n % 3 <> 2;
INSERT INTO review_report (id, review_id, user_id, reason, created_at, closed_at)
SELECT nth(24, n), nth(23, n), nth(1, n), 'Insults', at(n),
    CASE WHEN n % 5000 <> 3000 THEN at(n) END
FROM tenths() n WHERE state_of(n) = 'delivered' AND n % 3 <> 2;
INSERT INTO review_request (buyer_id, since, due_at)
SELECT nth(1, n), at(n), '2100-01-01' FROM tenths() n;
INSERT INTO seller_rating (seller_id, review_count, star_sum)
SELECT nth(1, n), 10, 40 FROM numbers() n WHERE n % 1000 = 0;
INSERT INTO seller_replies (seller_id, last_seconds, median_seconds)
SELECT nth(1, n), '{60}', 60 FROM numbers() n WHERE n % 1000 = 0;
INSERT INTO payment (id, reference, state, amount_minor, currency, paypal_order_id,
    capture_attempt, checks, next_check_at, settled_at)
SELECT nth(13, n), nth(10, n), CASE WHEN is_sold(n) THEN 'settled' WHEN state_of(n) = 'open'
    THEN 'created' WHEN state_of(n) = 'approved' THEN 'capturing' ELSE 'failed' END, 1000, 'EUR',
    'PP-' || n, 1, 0, now() + interval '1 hour', CASE WHEN is_sold(n) THEN at(n) END
FROM numbers() n;

INSERT INTO ledger_account (id, kind, owner_id, currency)
SELECT nth(14, n), 'seller_pending', nth(1, n), 'EUR' FROM numbers() n WHERE n % 1000 = 0
UNION ALL
SELECT nth(15, n), 'seller_available', nth(1, n), 'EUR' FROM numbers() n WHERE n % 1000 = 0
UNION ALL
SELECT nth(14, n), CASE n WHEN 1 THEN 'paypal_cash' ELSE 'platform_revenue' END, NULL, 'EUR'
FROM numbers() n WHERE n < 3;
INSERT INTO ledger_transaction (id, kind, reference, created_at)
SELECT nth(16, n), 'sale', nth(13, n), at(n) FROM numbers() n WHERE is_sold(n)
UNION ALL
SELECT nth(17, n), 'release', nth(11, n), at(n) FROM numbers() n WHERE is_released(n);
-- What a balance comes to is read here, never checked.
INSERT INTO ledger_entry (transaction_id, account_id, amount_minor, balance_minor, line_id,
    release_at)
SELECT nth(16, n), leg.account_id, leg.amount_minor, nullif(leg.amount_minor, 1000), leg.line_id,
    leg.release_at
FROM numbers() n, LATERAL (VALUES
    (nth(14, 1), 1000, NULL, NULL),
    (nth(14, 2), -100, nth(11, n), NULL),
    (account(14, n), -900, nth(11, n), at(n))) leg (account_id, amount_minor, line_id, release_at)
WHERE is_sold(n)
UNION ALL
SELECT nth(17, n), leg.account_id, leg.amount_minor, leg.amount_minor, nth(11, n), NULL
FROM numbers() n, LATERAL (VALUES
    (account(14, n), 900), (account(15, n), -900)) leg (account_id, amount_minor)
WHERE is_released(n);
INSERT INTO account_balance (account_id, slot, balance_minor)
SELECT account_id, 0, sum(amount_minor) FROM ledger_entry GROUP BY account_id
ON CONFLICT (account_id, slot) DO UPDATE SET balance_minor = excluded.balance_minor;
INSERT INTO seller_earnings (seller_id, currency, sales, pieces, gross_minor, commission_minor)
SELECT nth(1, seller_of(product_of(n))), 'EUR', count(*), count(*), 1000 * count(*),
    100 * count(*)
FROM numbers() n WHERE is_sold(n) GROUP BY 1
ON CONFLICT (seller_id, currency) DO UPDATE SET sales = seller_earnings.sales + excluded.sales;
-- What banned sellers wait for is due, and stays.
INSERT INTO pending_share (line_id, account_id, share_minor, release_at)
SELECT nth(11, n), account(14, n), 900, now() + CASE seller_of(product_of(n)) % 5000
    WHEN 3000 THEN interval '-1 day' ELSE interval '7 days' END
FROM numbers() n WHERE is_sold(n) AND NOT is_released(n);

INSERT INTO account_turnover (account_id, day, kind, slot, amount_minor)
SELECT e.account_id, (t.created_at AT TIME ZONE 'UTC')::date, t.kind, 0, sum(e.amount_minor)
FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id GROUP BY 1, 2, 3
ON CONFLICT (account_id, day, kind, slot) DO UPDATE SET amount_minor = excluded.amount_minor;

-- The first seller has a third of all of them, and reads none.
INSERT INTO notification (id, user_id, kind, key, params, read_at, awaits_digest)
SELECT nth(21, n), nth(1, seller_of(product_of(n))), 'sale', 'order' || n,
    '{"number": "0000-0000", "currency": "EUR", "lines": [["A thing", 1, 1000, 900]]}',
    CASE WHEN seller_of(product_of(n)) > 1000 THEN now() END, false
FROM numbers() n;
INSERT INTO user_count (user_id, name, count)
SELECT user_id, 'notifications', count(*) FROM notification WHERE read_at IS NULL GROUP BY 1
ON CONFLICT (user_id, name) DO UPDATE SET count = excluded.count;
INSERT INTO notification_preference (user_id, kind, mode)
SELECT nth(1, n), 'sale', 'daily' FROM tenths() n;
INSERT INTO notification_digest (user_id, due_at)
SELECT nth(1, n), now() + interval '1 day' FROM tenths() n;

INSERT INTO webhook_endpoint (id, owner_id, url, events, sealed, key_version)
SELECT nth(18, n), nth(1, n), 'http://127.0.0.1:9/', '{order.paid}', '\x00', 1
FROM numbers() n WHERE n % 1000 = 0;
INSERT INTO webhook_message (id, endpoint_id, type, subject, payload, state, tries)
SELECT kept(6, n), nth(18, 1000 * (1 + any_below(n, n / 10000))), 'order.paid', 'order' || n, '{}',
    'sent', 1
FROM tenths() n;
INSERT INTO webhook_attempt (id, message_id, started_at, duration_ms, status, answer)
SELECT kept(7, n), kept(6, n), now(), 10, 200, '' FROM tenths() n;
