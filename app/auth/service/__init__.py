"""What can be done with people and their sessions: one function a use case."""

from app.auth.service.accounts import add_user as add_user
from app.auth.service.accounts import confirm_email as confirm_email
from app.auth.service.accounts import register as register
from app.auth.service.accounts import resend_confirmation as resend_confirmation
from app.auth.service.accounts import set_locale as set_locale
from app.auth.service.accounts import update_profile as update_profile
from app.auth.service.credentials import change_password as change_password
from app.auth.service.credentials import replace_password as replace_password
from app.auth.service.credentials import request_password_reset as request_password_reset
from app.auth.service.credentials import reset_password as reset_password
from app.auth.service.moderation import ban_user as ban_user
from app.auth.service.moderation import grant_role as grant_role
from app.auth.service.moderation import revoke_role as revoke_role
from app.auth.service.moderation import unban_user as unban_user
from app.auth.service.selling import become_seller as become_seller
from app.auth.service.selling import become_seller_in_browser as become_seller_in_browser
from app.auth.service.selling import change_paypal_email as change_paypal_email
from app.auth.service.sessions import end_session as end_session
from app.auth.service.sessions import log_in as log_in
from app.auth.service.sessions import log_out as log_out
from app.auth.service.sessions import log_out_everywhere as log_out_everywhere
from app.auth.service.tokens import issue_mail_token as issue_mail_token
