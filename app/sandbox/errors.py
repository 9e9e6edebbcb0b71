"""PayPal's error answers and their texts.

Every text is copied word for word from PayPal's OpenAPI descriptions (the enumerations of
`orders.create` 400 and 422, `orders.patch` 400 and 422, `orders.capture` 400 and 422 in
checkout_orders_v2.json, and of `captures.refund` in payments_payment_v2.json), spaces and all:
clients that validate answers against those descriptions reject anything else.
"""

from typing import Any

from app.sandbox.ids import debug_id

NAMES: dict[int, tuple[str, str]] = {
    400: (
        "INVALID_REQUEST",
        "Request is not well-formed, syntactically incorrect, or violates schema.",
    ),
    401: (
        "AUTHENTICATION_FAILURE",
        (
            "Authentication failed due to missing authorization header, or invalid authentication "
            "credentials."
        ),
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: (
        "RESOURCE_CONFLICT",
        "The server has detected a conflict while processing this request.",
    ),
    415: (
        "UNSUPPORTED_MEDIA_TYPE",
        "The server does not support the request payload's media type.",
    ),
    422: (
        "UNPROCESSABLE_ENTITY",
        (
            "The requested action could not be performed, semantically incorrect, or failed "
            "business validation."
        ),
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}

COMMON: dict[str, str] = {
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "MISSING_REQUIRED_PARAMETER": "A required parameter is missing.",
    "INVALID_ARRAY_MAX_ITEMS": "The number of items in an array parameter is too large.",
    "INVALID_ARRAY_MIN_ITEMS": "The number of items in an array parameter is too small.",
    "NOT_SUPPORTED": "This field is not currently supported.",
    "PAYPAL_REQUEST_ID_REQUIRED": (
        "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please "
        "specify a PayPal-Request-Id or Create the Order without a 'payment_source' specified."
    ),
    "INVALID_RESOURCE_ID": (
        "Specified resource ID does not exist. Please check the resource ID and try again."
    ),
    "PERMISSION_DENIED": (
        "You do not have permission to access or perform operations on this resource."
    ),
    "PREVIOUS_REQUEST_IN_PROGRESS": (
        "A previous request on this resource is currently in progress. Please wait for sometime "
        "and try again. It is best to space out the initial and the subsequent request(s) to avoid "
        "receiving this error."
    ),
    "AMOUNT_MISMATCH": (
        "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount "
        "- discount."
    ),
    "CANNOT_BE_NEGATIVE": (
        "Must be greater than or equal to 0. If the currency supports decimals, only two decimal "
        "place precision is supported."
    ),
    "CANNOT_BE_ZERO_OR_NEGATIVE": (
        "Must be greater than zero. If the currency supports decimals, only two decimal place "
        "precision is supported."
    ),
    "DECIMAL_PRECISION": (
        "If the currency supports decimals, only two decimal place precision is supported."
    ),
    "DUPLICATE_REFERENCE_ID": (
        "`reference_id` must be unique if multiple `purchase_unit` are provided."
    ),
    "INVALID_CURRENCY_CODE": (
        "Currency code is invalid or is not currently supported. Please refer "
        "https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported "
        "currency codes."
    ),
    "ITEM_TOTAL_MISMATCH": (
        "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit."
    ),
    "ITEM_TOTAL_REQUIRED": (
        "If item details are specified (items.unit_amount and items.quantity) corresponding "
        "amount.breakdown.item_total is required."
    ),
    "MAX_VALUE_EXCEEDED": "Should be less than or equal to 999999999999999.99.",
    "MULTI_CURRENCY_ORDER": (
        "Multiple differing values of currency_code are not supported. Entire Order request must "
        "have the same currency_code."
    ),
    "PAYEE_ACCOUNT_INVALID": (
        "Payee account specified is invalid. Please check the `payee.email_address` or "
        "`payee.merchant_id` specified and try again. Ensure that either  `payee.merchant_id` or "
        "`payee.email_address` is specified."
    ),
    "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": "The merchant account is locked or closed.",
    "PAYEE_ACCOUNT_RESTRICTED": "The merchant account is restricted.",
    "REFERENCE_ID_REQUIRED": (
        "'reference_id' is required for each 'purchase_unit' if multiple 'purchase_unit' are "
        "provided."
    ),
    "TAX_TOTAL_MISMATCH": (
        "Should equal sum of (tax * quantity) across all items for a given purchase_unit."
    ),
    "TAX_TOTAL_REQUIRED": (
        "If item details are specified (items.tax_total and items.quantity) corresponding "
        "amount.breakdown.tax_total is required."
    ),
    "COMPLIANCE_VIOLATION": "Transaction is declined due to compliance violation.",
    "DOMESTIC_TRANSACTION_REQUIRED": (
        "This transaction requires the payee and payer to be resident in the same country, a "
        "domestic transaction is required to create this payment."
    ),
    "DUPLICATE_INVOICE_ID": (
        "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account "
        "setting requires that Invoice Id be unique for each transaction."
    ),
    "INCOMPATIBLE_PARAMETER_VALUE": (
        "The value of the field is incompatible/redundant with other fields in the order."
    ),
    "INSTRUMENT_DECLINED": (
        "The instrument presented  was either declined by the processor or bank, or it can't be "
        "used for this payment."
    ),
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": (
        "You have exceeded the maximum number of payment attempts."
    ),
    "PAYEE_BLOCKED_TRANSACTION": (
        "The Fraud settings for this seller are such that this payment cannot be executed."
    ),
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "The payer account cannot be used for this transaction.",
    "PAYER_ACCOUNT_RESTRICTED": "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_CANNOT_PAY": (
        "Combination of payer and payee settings mean that this buyer cannot pay this seller."
    ),
    "TRANSACTION_BLOCKED_BY_PAYEE": "Transaction blocked by Payee’s Fraud Protection settings.",
    "TRANSACTION_LIMIT_EXCEEDED": "Total payment amount exceeded transaction limit.",
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": (
        "The transaction exceeds the receiver's receiving limit."
    ),
    "TRANSACTION_REFUSED": "The request was refused.",
}

# Where an operation words an issue in its own way, or has issues of its own.
BY_OPERATION: dict[str, dict[str, str]] = {
    "capture": {
        "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing",
        "ORDER_NOT_APPROVED": (
            "Payer has not yet approved the Order for payment. Please redirect the payer to the "
            "'rel':'approve' url returned as part of the HATEOAS links within the Create Order "
            "call or provide a valid `payment_source` in the request."
        ),
        "ORDER_ALREADY_CAPTURED": (
            "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed."
        ),
        "ORDER_COMPLETION_IN_PROGRESS": (
            "The order was created with processing_instruction of "
            "ORDER_COMPLETE_ON_PAYMENT_APPROVAL. The customer has approved the payment and PayPal "
            "is still in the process of capturing the order on your behalf as instructed. Please "
            "try your request again."
        ),
        "PAYER_ACTION_REQUIRED": (
            "Transaction cannot complete successfully, instruct the buyer to return to PayPal."
        ),
        "PAYER_CANNOT_PAY": (
            "Payer cannot pay for this transaction. Please contact the payer to find other ways to "
            "pay for this transaction."
        ),
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": (
            "Transaction failed. Redirect the payer to select another funding source."
        ),
    },
    "patch": {
        "FIELD_NOT_PATCHABLE": "Field cannot be patched.",
        "INVALID_PARAMETER_VALUE": "The value of a field is invalid.",
        "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing.",
        "INVALID_PATCH_OPERATION": (
            "The operation cannot be honored. Cannot add a property that's already present, use "
            "replace. Cannot remove a property thats not present, use add. Cannot replace a "
            "property thats not present, use add."
        ),
        "INVALID_JSON_POINTER_FORMAT": (
            "Path should be a valid JSON Pointer https://tools.ietf.org/html/rfc6901 that "
            "references a location within the request where the operation is performed."
        ),
        "NOT_PATCHABLE": "Cannot be patched.",
        "PATCH_PATH_REQUIRED": (
            "Please specify a 'path' for the field for which the operation needs to be performed."
        ),
        "PATCH_VALUE_REQUIRED": "Please specify a 'value' to for the field that is being patched.",
        "REFERENCE_ID_NOT_FOUND": (
            "Filter expression value is incorrect. Please check the value of the reference_id and "
            "try again."
        ),
        "ORDER_ALREADY_COMPLETED": "The order cannot be patched after it is completed.",
        "AMOUNT_CHANGE_NOT_ALLOWED": (
            "The amount specified is different from the amount authorized by payer."
        ),
    },
    "refund": {
        "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
        "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture",
        "REFUND_NOT_ALLOWED": "Capture cannot be refunded.",
        "REFUND_TIME_LIMIT_EXCEEDED": (
            "You are over the time limit to perform a refund on this capture"
        ),
        "REFUND_AMOUNT_EXCEEDED": (
            "The refund amount must be less than or equal to the capture amount that has not "
            "yet been refunded."
        ),
        "REFUND_FAILED_INSUFFICIENT_FUNDS": (
            "Capture could not be refunded due to insufficient funds. Please check to see if "
            "you have sufficient funds in your PayPal account or if the bank account linked "
            "to your PayPal account is verified and has sufficient funds."
        ),
        "PARTIAL_REFUND_NOT_ALLOWED": (
            "You cannot do a refund less than the original capture amount."
        ),
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED": (
            "You have exceeded the maximum number of refund attempts for this capture."
        ),
        "PENDING_CAPTURE": (
            "Cannot initiate a refund as the capture is pending. Capture is typically pending "
            "when the payer has funded the transaction using e-check/bank funded."
        ),
        "DUPLICATE_INVOICE_ID": "Invoice ID was previously used to refund a capture.",
        "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": (
            "Transaction could not complete because payee account is locked or closed."
        ),
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED": "The payer account cannot be used for this transaction.",
        "PAYEE_ACCOUNT_RESTRICTED": "Payee account is restricted.",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": (
            "Refunds are not allowed on this capture due to a chargeback on the card or bank. "
            "Please contact the payee to resolve the chargeback."
        ),
        "TRANSACTION_DISPUTED": (
            "Partial refunds cannot be offered at this time because there is an open case on "
            "this transaction. Visit the PayPal Resolution Center to review this case."
        ),
    },
}

# What a payer's bank or account may say to a capture; the order itself stays good.
DECLINES = frozenset(
    {
        "INSTRUMENT_DECLINED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "PAYER_ACTION_REQUIRED",
        "TRANSACTION_REFUSED",
        "PAYER_CANNOT_PAY",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "COMPLIANCE_VIOLATION",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
        "PAYEE_BLOCKED_TRANSACTION",
        "TRANSACTION_BLOCKED_BY_PAYEE",
        "DOMESTIC_TRANSACTION_REQUIRED",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    }
)

# Why PayPal may refuse a refund that the sandbox would make: ordered as a fault.
REFUND_REFUSALS = frozenset(
    {
        "REFUND_FAILED_INSUFFICIENT_FUNDS",
        "REFUND_NOT_ALLOWED",
        "PARTIAL_REFUND_NOT_ALLOWED",
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED",
        "PAYEE_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYEE_ACCOUNT_RESTRICTED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
        "TRANSACTION_DISPUTED",
    }
)


class PaypalError(Exception):
    """An answer other than success, in PayPal's form."""

    def __init__(
        self,
        status: int,
        details: list[dict[str, Any]] | None = None,
        links: list[dict[str, str]] | None = None,
    ) -> None:
        self.status = status
        self.name, self.message = NAMES[status]
        self.details = details or []
        self.links = links or []
        super().__init__(self.name)

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "name": self.name,
            "message": self.message,
            "debug_id": debug_id(),
        }
        if self.details:
            body["details"] = self.details
        if self.links:
            body["links"] = self.links
        return body


def text(issue: str, operation: str) -> str:
    """PayPal's words for an issue; KeyError for one the sandbox does not know."""
    own = BY_OPERATION.get(operation, {})
    return own[issue] if issue in own else COMMON[issue]


def _detail(issue: str, field: str | None, value: Any, operation: str) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if field:
        detail |= {"field": field, "location": "body"}
    if value is not None:
        detail["value"] = str(value)
    return detail | {"issue": issue, "description": text(issue, operation)}


def invalid(
    issue: str, field: str | None = None, value: Any = None, operation: str = "create"
) -> PaypalError:
    """400: the request itself is wrong."""
    return PaypalError(400, [_detail(issue, field, value, operation)])


def unprocessable(
    issue: str, field: str | None = None, value: Any = None, operation: str = "create"
) -> PaypalError:
    """422: understood, but against a rule."""
    return PaypalError(422, [_detail(issue, field, value, operation)])


def not_found() -> PaypalError:
    """404: no such order, capture, refund or event."""
    detail = {"issue": "INVALID_RESOURCE_ID", "description": COMMON["INVALID_RESOURCE_ID"]}
    return PaypalError(404, [detail])


def in_progress() -> PaypalError:
    """409: a request with this PayPal-Request-Id is being worked on."""
    issue = "PREVIOUS_REQUEST_IN_PROGRESS"
    return PaypalError(409, [{"issue": issue, "description": COMMON[issue]}])
